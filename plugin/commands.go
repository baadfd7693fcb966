package main

import (
	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/command/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/command/connect"
	"github.com/nsjoin/docker-nsjoin/pkg/command/debug"
	"github.com/nsjoin/docker-nsjoin/pkg/command/each"
	"github.com/nsjoin/docker-nsjoin/pkg/command/entrypoint"
	"github.com/nsjoin/docker-nsjoin/pkg/command/forward"
	"github.com/nsjoin/docker-nsjoin/pkg/command/inspect"
	"github.com/nsjoin/docker-nsjoin/pkg/command/ls"
	"github.com/nsjoin/docker-nsjoin/pkg/command/mount"
	"github.com/nsjoin/docker-nsjoin/pkg/command/run"
	offers "github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/plugin/metadata"
)

// commands are the subcommands of docker nsjoin, which itself is package run. Each is a package of its own;
// to add one, add a line. A name is a subcommand only as the first argument: elsewhere it may be a container
// or part of the command that runs there.
var commands = []struct {
	name string
	make func(*dockercli.CLI) *cobra.Command
	warn bool // of a container with that name
}{
	{"debug", debug.New, true},
	{"each", each.New, true},
	{"ls", ls.New, false},
	{"inspect", inspect.New, false},
	{"entrypoint", entrypoint.New, true},
	{"forward", forward.New, true},
	{"connect", connect.New, true},
	{"mount", mount.New, true},
	{"umount", mount.NewUmount, true},
	{completion.Name, completion.New, false},
}

// newRoot makes docker nsjoin as a subcommand of docker, or nsjoin alone. It adds only the subcommand that
// the user called, or all of them for help: cobra would look for the others at any position.
func newRoot(cli *dockercli.CLI) *cobra.Command {
	nsjoin := run.New(cli, metadata.Version, func() []*cobra.Command { return newCommands(cli, "--help") })
	first := "--help"
	if len(cli.Words.Own) > 0 {
		first = cli.Words.Own[0]
	}
	nsjoin.AddCommand(newCommands(cli, first)...)
	root := cli.Root(nsjoin)
	if cli.Name == exit.Standalone {
		offers.Globals(root, cli)
	}
	return root
}

// newCommands makes the command with this name, or all commands for help.
func newCommands(cli *dockercli.CLI, name string) []*cobra.Command {
	var made []*cobra.Command
	for _, c := range commands {
		switch {
		case c.name == completion.Name && cli.Name != exit.Standalone:
			continue // docker completion is the Docker CLI's
		case name == c.name, name == "--help", name == "-h":
			cmd := c.make(cli)
			cmd.DisableFlagsInUseLine = true
			if c.warn {
				cli.WarnOfName(cmd)
			}
			made = append(made, cmd)
		}
	}
	return made
}
