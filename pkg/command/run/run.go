// Package run is docker nsjoin itself: it runs a command in the namespaces of a container. It makes a
// request of the command line (request.go), has the engine resolve the names in it, and runs a helper for
// it on the engine's host.
package run

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/execopts"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// New makes the command. subcommands makes those below it; it is called for completion and hints only.
func New(cli *dockercli.CLI, version string, subcommands func() []*cobra.Command) *cobra.Command {
	o := options{subcommands: subcommands}
	o.Words = cli.Words
	cmd := &cobra.Command{
		Use:     "nsjoin [OPTIONS] CONTAINER [COMMAND [ARG...]]",
		Short:   Short,
		Long:    long,
		Example: examples,
		Version: version,
		// Otherwise cobra would take a container's name for a command's.
		Args:                  cobra.ArbitraryArgs,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.usage = cmd.UseLine()
			return o.run(cmd.Context(), cli, args, cmd.ArgsLenAtDash() == 0)
		},
	}
	cmd.SetVersionTemplate(cli.Name.String() + " version {{.Version}}\n")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return o.flagError(cmd.CommandPath(), err)
	})
	o.addTo(cmd.Flags())
	complete(cmd, cli, subcommands)
	return cmd
}

// run runs the command. noBase says that args began with --.
func (o *options) run(ctx context.Context, cli *dockercli.CLI, args []string, noBase bool) error {
	if err := o.Check(cli); err != nil {
		return err
	}
	r, err := o.request(args, noBase)
	if err != nil {
		return err
	}
	if o.swarm {
		return o.runTask(ctx, cli, r)
	}
	return o.Run(ctx, cli, r, func(ctx context.Context, host *enginehost.Host, r *request.Request) (engine.Answers, error) {
		answers, err := execopts.Resolve(ctx, host, r)
		if err != nil {
			err = o.hintContainer(ctx, host, r, args, err)
		}
		return answers, err
	})
}
