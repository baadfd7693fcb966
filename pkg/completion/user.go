package completion

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
)

// usersTimeout is how long the shell waits for the containers' users.
const usersTimeout = 2 * time.Second

// User offers the users of the running containers, and says in which containers each is: the container's
// name is typed after the user's. It offers none where it cannot read the containers' files.
func User(cli *dockercli.CLI) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		const shownNames = 3
		ctx, cancel := context.WithTimeout(cmd.Context(), usersTimeout)
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
		return Matching(offers, typed)
	}
}

// usersOfContainers returns the users of the containers that were started last, by the containers' names.
func usersOfContainers(ctx context.Context, cli *dockercli.CLI) map[string][]string {
	const most = 16
	all, client, err := list(ctx, cli)
	if err != nil {
		return nil
	}
	names := make(map[string]string)
	var ids []string
	for _, c := range all[:min(most, len(all))] {
		names[c.ID], ids = c.Name, append(ids, c.ID)
	}
	pids, _ := engine.PIDs(ctx, client, ids)
	type answer struct {
		name  string
		users []string
	}
	answers := make(chan answer, len(pids))
	for id, pid := range pids {
		// A container's file system may never answer.
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
