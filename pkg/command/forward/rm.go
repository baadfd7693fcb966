package forward

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/control"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
)

// newRm makes docker nsjoin forward rm.
func newRm(cli *dockercli.CLI) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "rm [OPTIONS] ID|CONTAINER...",
		Short: "End forwards",
		Long: `End forwards of your calls, by their IDs in docker nsjoin forward ls or the beginning
of these, or all forwards of a container, by its name or ID. The IDs are printed. A call
ends when none of its forwards is left.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return exit.Hint(errors.New("which forwards? "+cmd.UseLine()), "%s --all ends all; %s lists them", cmd.CommandPath(), cmd.Parent().CommandPath()+" ls")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			list, silent, err := find(cmd.Context(), cli)
			if err != nil {
				return err
			}
			if err := end(list, args, all, func(word string) (string, error) { return idOf(cmd.Context(), cli, word) }); err != nil || !all || !silent {
				return err
			}
			return errors.New("some forwards were not ended: a call does not answer")
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "End all forwards")
	completion.Args(cmd, func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		return completion.Matching(forwards(cmd.Context(), cli, args), typed)
	})
	return cmd
}

// offersWithin is how long the shell waits for the user's calls.
const offersWithin = 2 * time.Second

// forwards returns what forward rm takes, with descriptions.
func forwards(ctx context.Context, cli *dockercli.CLI, args []string) []string {
	ctx, cancel := context.WithTimeout(ctx, offersWithin)
	defer cancel()
	list, _, err := find(ctx, cli)
	if err != nil {
		return nil
	}
	var offers []string
	for _, f := range list {
		if !slices.Contains(args, f.ID) {
			named := f.Named()
			offers = append(offers, cobra.CompletionWithDesc(f.ID, named.Text()))
		}
	}
	return offers
}

// askWithin is how long the engine may take to answer about a name, by ssh too.
const askWithin = 30 * time.Second

// idOf asks the engine for the ID of the container of that name, which may have been renamed since it was forwarded; "" if it
// has none. The error says that the engine could not be asked.
func idOf(ctx context.Context, cli *dockercli.CLI, word string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	connection, err := cli.Engine()
	if err != nil {
		return "", err
	}
	client, err := connection.Client()
	if err != nil {
		return "", err
	}
	name := spec.Container(word)
	c, err := client.ContainerInspect(ctx, name)
	switch {
	case errdefs.IsNotFound(err), err == nil && (c.ContainerJSONBase == nil || strings.TrimPrefix(c.Name, "/") != name): // it is the beginning of an ID
		return "", nil
	case err != nil:
		return "", engine.ExplainAs(err, "ask the engine for that name", "look up that name")
	}
	return c.ID, nil
}

// end ends the forwards with these IDs or containers, or all of them. idOf returns the ID of a container whose name no forward
// has.
func end(list []found, wanted []string, all bool, idOf func(word string) (string, error)) error {
	chosen := list
	if !all {
		chosen = nil
	}
	var missing []string
	for _, word := range wanted {
		matching, err := match(list, word)
		if err != nil && word != "" && len(list) > 0 {
			id, failed := idOf(word)
			if renamed, no := match(list, id); failed == nil && no == nil {
				matching, err = renamed, nil
			} else if failed != nil {
				err = fmt.Errorf("%w; %w", err, failed)
			}
		}
		if err != nil {
			missing = append(missing, err.Error())
		}
		chosen = append(chosen, matching...)
	}
	for _, ids := range byCall(chosen) {
		if err := ids.call.End(ids.list); err != nil {
			missing = append(missing, fmt.Sprintf("end forward %s: %v", strings.Join(ids.list, ", "), err))
			continue
		}
		for _, id := range ids.list {
			fmt.Fprintln(os.Stdout, id)
		}
	}
	if len(missing) > 0 {
		return exit.Hint(errors.New(strings.Join(missing, "; ")), "docker nsjoin forward ls lists the forwards")
	}
	return nil
}

// ofCall are forwards of a call.
type ofCall struct {
	call *control.Call
	list []string // IDs
}

// byCall returns the IDs of forwards, each once, by their calls: each call is asked once.
func byCall(list []found) (calls []*ofCall) {
	known, seen := make(map[*control.Call]*ofCall), make(map[string]bool)
	for _, f := range list {
		if seen[f.ID] {
			continue
		}
		seen[f.ID] = true
		if known[f.call] == nil {
			known[f.call] = &ofCall{call: f.call}
			calls = append(calls, known[f.call])
		}
		known[f.call].list = append(known[f.call].list, f.ID)
	}
	return calls
}

// match returns the forwards of a container, by its name or ID, or the one whose ID begins with word.
func match(list []found, word string) ([]found, error) {
	const shortest = 4 // digits of a container's ID
	name, of := spec.Container(word), make(map[string]bool)
	var named, ofContainer, byID []found
	for _, f := range list {
		switch {
		case name == "": // an empty variable of a script is no forward
		case f.Container == name, f.ContainerName == name:
			named = append(named, f)
		case len(name) >= shortest && strings.HasPrefix(f.ContainerID, name):
			ofContainer, of[f.ContainerID] = append(ofContainer, f), true
		case strings.HasPrefix(f.ID, word):
			byID = append(byID, f)
		}
	}
	switch {
	case len(named) > 0:
		return named, nil
	case len(of) > 1:
		return nil, fmt.Errorf("the IDs of %d containers begin with %q", len(of), word)
	case len(of) > 0:
		return ofContainer, nil
	case len(byID) > 1:
		return nil, fmt.Errorf("the IDs of %d forwards begin with %q", len(byID), word)
	case len(byID) == 0:
		return nil, fmt.Errorf("no such forward: %q", word)
	}
	return byID, nil
}
