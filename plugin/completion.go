package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// completeWithin bounds how long the shell waits for the engine.
const completeWithin = 2 * time.Second

// completeWith registers what the shell offers for the base and for the flags'
// values. Where the engine doesn't answer, no containers are offered.
func completeWith(cmd *cobra.Command, cli *dockerCLI) {
	cmd.ValidArgsFunction = completeBase(cli)
	functions := map[string]cobra.CompletionFunc{
		"only":        completeKinds,
		"except":      completeKinds,
		"network":     completeSource(cli),
		"via":         oneOf(string(launch.Auto), string(launch.Local)),
		"format":      oneOf(string(request.OutputText), string(request.OutputJSON)),
		"env":         completeVariable,
		"user":        cobra.NoFileCompletions,
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
			for _, sub := range cmd.Commands() {
				offers = append(offers, cobra.CompletionWithDesc(sub.Name(), sub.Short))
			}
		}
		for _, name := range runningContainers(cmd, cli) {
			if base, err := request.ParseBase(name); err != nil || base.Name != name || isCommand(cmd, name) ||
				strings.HasPrefix(typed, "container:") {
				name = "container:" + name
			}
			offers = append(offers, name)
		}
		return matching(offers, typed)
	}
}

// isCommand tells whether name is that of a command beneath cmd.
func isCommand(cmd *cobra.Command, name string) bool {
	return slices.ContainsFunc(cmd.Commands(), func(c *cobra.Command) bool { return c.Name() == name })
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
		for _, name := range runningContainers(cmd, cli) {
			offers = append(offers, "container:"+name)
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

// runningContainers are the names of the running containers; none where they can't be had.
func runningContainers(cmd *cobra.Command, cli *dockerCLI) []string {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
	defer cancel()
	connection, err := cli.Engine()
	if err != nil {
		return nil
	}
	client, err := connection.Client()
	if err != nil {
		return nil
	}
	names, _ := engine.Running(ctx, client)
	return names
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

func oneOf(words ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
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
