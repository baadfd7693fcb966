package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// How long the shell waits at most: for an engine, which may be far away, and for
// what can be done without.
const (
	completeWithin = 2 * time.Second
	usersWithin    = time.Second
)

// completeWith registers what the shell offers for the base and for the flags'
// values. Where the engine doesn't answer, no containers are offered.
func completeWith(cmd *cobra.Command, cli *dockerCLI) {
	cmd.ValidArgsFunction = completeBase(cli)
	functions := map[string]cobra.CompletionFunc{
		"only":        completeKinds,
		"except":      completeKinds,
		"network":     completeSource(cli),
		"via":         completeVia,
		"format":      oneOf(string(request.OutputText), string(request.OutputJSON)),
		"env":         completeVariable,
		"user":        completeUser(cli),
		"workdir":     cobra.NoFileCompletions,
		"detach-keys": cobra.NoFileCompletions,
	}
	for _, f := range kindFlags {
		functions[f.name] = completeSource(cli)
	}
	for name, f := range functions {
		_ = cmd.RegisterFlagCompletionFunc(name, f)
	}
}

// completeBase offers running containers, the host and processes. A container
// whose name is a word of ours is offered as ParseBase reads it. What follows
// the base is the command, which may be a file of the host's.
func completeBase(cli *dockerCLI) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		switch {
		case afterDash(args) || len(args) > 0 && args[0] == request.Host().String():
			return nil, cobra.ShellCompDirectiveDefault
		case len(args) > 0:
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		offers := []string{"host", "pid:"}
		if cmd.Flags().NFlag() == 0 {
			for _, sub := range beneath(cli) {
				offers = append(offers, cobra.CompletionWithDesc(sub.Name(), sub.Short))
			}
		}
		for _, c := range runningContainers(cmd, cli) {
			name := c.Name
			if base, err := request.ParseBase(name); err != nil || base.Name != name || isCommand(cli, name) ||
				strings.HasPrefix(typed, "container:") {
				name = "container:" + name
			}
			offers = append(offers, described(name, c))
		}
		return matching(offers, typed)
	}
}

// completeContainers offers running containers, each once.
func completeContainers(cli *dockerCLI) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		var offers []string
		for _, c := range runningContainers(cmd, cli) {
			if !slices.Contains(args, c.Name) {
				offers = append(offers, described(c.Name, c))
			}
		}
		return matching(offers, typed)
	}
}

// completeUser offers the users of the running containers, since the one that is
// meant comes later, and says in which each is. It takes that their files can be
// read here.
func completeUser(cli *dockerCLI) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), usersWithin)
		defer cancel()
		where := make(map[string][]string)
		for name, users := range usersOfContainers(ctx, cli) {
			for _, user := range users {
				where[user] = append(where[user], name)
			}
		}
		var offers []string
		for _, user := range slices.Sorted(maps.Keys(where)) {
			slices.Sort(where[user])
			names := strings.Join(where[user][:min(shownNames, len(where[user]))], ", ")
			if more := len(where[user]) - shownNames; more > 0 {
				names += fmt.Sprintf(" and %d more", more)
			}
			offers = append(offers, cobra.CompletionWithDesc(user, names))
		}
		return matching(offers, typed)
	}
}

// usersOfContainers are the users of the containers, by their names, that were
// started last.
func usersOfContainers(ctx context.Context, cli *dockerCLI) map[string][]string {
	const most = 16
	l, _, err := newLooker(cli, launch.Local, noEngine{}, "")
	if err != nil {
		return nil
	}
	all, err := engine.List(ctx, l.client, l.connection.HelperIDs)
	if err != nil {
		return nil
	}
	names := make(map[string]string)
	var ids []string
	for _, c := range all[:min(most, len(all))] {
		names[c.ID], ids = c.Name, append(ids, c.ID)
	}
	pids, _ := engine.PIDs(ctx, l.client, ids)
	type answer struct {
		name  string
		users []string
	}
	answers := make(chan answer, len(pids))
	for id, pid := range pids {
		// A file system of a container's may never answer.
		go func() { answers <- answer{names[id], usersOf(pid)} }()
	}
	users := make(map[string][]string)
	for range pids {
		select {
		case a := <-answers:
			users[a.name] = a.users
		case <-ctx.Done():
			return users
		}
	}
	return users
}

// isCommand tells whether name is that of a command of ours.
func isCommand(cli *dockerCLI, name string) bool {
	return slices.ContainsFunc(beneath(cli), func(c *cobra.Command) bool { return c.Name() == name })
}

// afterDash tells whether a "--" stands before args, and so no base. That cobra
// knows is no use: it puts one there itself.
func afterDash(args []string) bool {
	i := len(os.Args) - 1 - len(args) - 1 // the last one is what is typed
	return i >= 0 && os.Args[i] == "--"
}

// completeSource offers what ParseSource reads.
func completeSource(cli *dockerCLI) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		offers := []string{"host", "private", "pid:", "ns:/"}
		for _, c := range runningContainers(cmd, cli) {
			offers = append(offers, described("container:"+c.Name, c))
		}
		return matching(offers, typed)
	}
}

// completeKinds offers the kinds that a list doesn't have yet, after each comma.
func completeKinds(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	list := typed[:strings.LastIndex(typed, ",")+1]
	var has ns.Set
	for name := range strings.SplitSeq(strings.TrimSuffix(list, ","), ",") {
		if k, err := ns.Parse(name); err == nil {
			has |= ns.SetOf(k)
		}
	}
	var offers []string
	for _, k := range ns.All().Without(has).Kinds() {
		offers = append(offers, list+k.String())
	}
	offers, _ = matching(offers, typed)
	return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace // a comma may follow
}

// runningContainers are those that a command can be run in; none where they can't
// be had.
func runningContainers(cmd *cobra.Command, cli *dockerCLI) []engine.Container {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
	defer cancel()
	l, _, err := newLooker(cli, launch.Auto, noEngine{}, "")
	if err != nil {
		return nil
	}
	all, _ := engine.List(ctx, l.client, l.connection.HelperIDs)
	return slices.DeleteFunc(all, func(c engine.Container) bool { return !c.Running() || printable.Text(c.Name) != c.Name })
}

// described is an offer with the container's image.
func described(offer string, c engine.Container) string {
	return cobra.CompletionWithDesc(offer, printable.Text(shortImage(c.Image)))
}

// completeFilter offers filters, and values of those that have few.
func completeFilter(cli *dockerCLI) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		key, _, whole := strings.Cut(typed, "=")
		var offers []string
		switch {
		case !whole:
			for _, key := range filterKeys() {
				offers = append(offers, key+"=")
			}
			offers, _ = matching(offers, typed)
			return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		case key == "kind":
			for _, k := range ns.Kinds() {
				offers = append(offers, "kind="+k.String())
			}
		case key == "shares" || key == "name":
			for _, c := range runningContainers(cmd, cli) {
				offers = append(offers, described(key+"="+c.Name, c))
			}
			if key == "shares" {
				offers = append(offers, "shares=host")
			}
		}
		return matching(offers, typed)
	}
}

// completeVariable offers the names of the caller's variables: alone they pass
// his value on.
func completeVariable(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, assignment := range os.Environ() {
		name, _, _ := strings.Cut(assignment, "=")
		names = append(names, name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func completeVia(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	return oneOf(string(launch.Auto), string(launch.Local), string(launch.Engine))(cmd, args, typed)
}

func oneOf(words ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return matching(slices.Clone(words), typed)
	}
}

// matching are the offers that go on where typed ends. A space follows one that
// is whole.
func matching(offers []string, typed string) ([]string, cobra.ShellCompDirective) {
	offers = slices.DeleteFunc(offers, func(offer string) bool { return !strings.HasPrefix(offer, typed) })
	if len(offers) == 1 && strings.HasSuffix(strings.TrimSuffix(offers[0], "/"), ":") {
		return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	return offers, cobra.ShellCompDirectiveNoFileComp
}
