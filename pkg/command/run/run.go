// Package run is docker nsjoin itself: it runs a command in the namespaces of a container. It makes a
// request of the command line (request.go), has the engine resolve the names in it, and runs a helper for
// it on the engine's host.
package run

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
)

// New makes the command. subcommands makes those below it; it is called for completion only.
func New(cli *dockercli.CLI, version string, subcommands func() []*cobra.Command) *cobra.Command {
	o := newOptions()
	cmd := &cobra.Command{
		Use:     "nsjoin [OPTIONS] CONTAINER [COMMAND [ARG...]]",
		Short:   Short,
		Long:    long,
		Example: examples,
		Version: version,
		// Without one, cobra takes a container's name for a command's.
		Args:                  cobra.ArbitraryArgs,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), cli, args, cmd.ArgsLenAtDash() == 0)
		},
	}
	cmd.SetVersionTemplate("docker nsjoin version {{.Version}}\n")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return flagError(cmd.CommandPath(), err)
	})
	o.addTo(cmd.Flags())
	complete(cmd, cli, subcommands)
	return cmd
}

// run runs the command. noBase tells that args began with --.
func (o *options) run(ctx context.Context, cli *dockercli.CLI, args []string, noBase bool) error {
	config, err := cli.Config()
	if err != nil {
		return err
	}
	if err := o.detachKeys.setDefault(config.DetachKeys); err != nil {
		return err
	}
	if err := o.host.Check(); err != nil {
		return err
	}
	r, err := o.request(args, noBase)
	if err != nil {
		return err
	}
	host, err := enginehost.Open(cli, o.host)
	if err != nil {
		return err
	}
	defer host.Close()
	if r.Audit, err = auditOf(cli); err != nil {
		return err
	}
	host.Prepare()
	answered := host.WarnIfSilent("docker nsjoin")
	answers, err := host.Resolve(ctx, r)
	answered()
	if err != nil {
		return o.hintContainer(ctx, host, r, args, err)
	}
	return host.Run(ctx, r, answers, o.helperImage)
}
