package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/command/inspect"
	"github.com/nsjoin/docker-nsjoin/pkg/command/ls"
	"github.com/nsjoin/docker-nsjoin/pkg/command/run"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
)

// commands are the commands below docker nsjoin, which itself is package run. Each is a package of its
// own; to add one, add a line. Their names are commands as the first word only: elsewhere they may be a
// container or a word of the command that runs in it.
var commands = []struct {
	name string
	make func(*dockercli.CLI) *cobra.Command
}{
	{"ls", ls.New},
	{"inspect", inspect.New},
}

// newRoot makes docker nsjoin below the docker command. args, which the plugin was started with, tell
// which command below it is wanted: if it had the others, cobra would look for them in any place. For
// help it has all.
func newRoot(parent dockercli.Parent, args []string) *cobra.Command {
	root, cli := dockercli.NewRoot(parent, version)
	nsjoin := run.New(cli, version, func() []*cobra.Command { return newCommands(cli, "--help") })
	first := "--help"
	if i := slices.Index(args, nsjoin.Name()); i >= 0 && i+1 < len(args) {
		first = args[i+1]
	}
	nsjoin.AddCommand(newCommands(cli, first)...)
	root.AddCommand(nsjoin)
	return root
}

// newCommands makes the command that is named so, or all for help.
func newCommands(cli *dockercli.CLI, name string) []*cobra.Command {
	var made []*cobra.Command
	for _, c := range commands {
		if name == c.name || name == "--help" || name == "-h" {
			cmd := c.make(cli)
			cmd.DisableFlagsInUseLine = true
			made = append(made, cmd)
		}
	}
	return made
}
