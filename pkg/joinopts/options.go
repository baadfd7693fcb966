// Package joinopts has the options of a command in the namespaces of a container: those of docker exec, and which
// namespaces it takes from where. It makes a request of them.
package joinopts

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/execopts"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// Options are the values of the flags.
type Options struct {
	execopts.Options

	only, except kindsFlag
	sources      [8]sourceFlag // by kind
	names        NamesFlag
}

// AddTo adds the flags to a command's.
func (o *Options) AddTo(flags *pflag.FlagSet) {
	o.Options.AddTo(flags)
	o.AddPrivileged()
	flags.Var(&o.only, "only", "Join only these kinds of namespaces, separated by commas: "+ns.All().String())
	flags.Var(&o.except, "except", "Join all kinds of namespaces but these, separated by commas")
	for _, f := range kindFlags {
		flags.Var(&o.sources[f.kind], f.name, f.usage)
	}
	flags.Var(&o.sources[ns.Net], network, "")
	_ = flags.MarkHidden(network)
	flags.Var(&o.names, "names", NamesUsage)
}

// NamesUsage is the help of --names.
const NamesUsage = "Whose /etc/resolv.conf, /etc/hosts and /etc/hostname the command sees"

// network is another spelling of --net, as in docker run.
const network = "network"

// KindsGiven reports whether --only or --except was given.
func (o *Options) KindsGiven() bool { return o.only.given || o.except.given }

// SourcesGiven reports whether a flag was given that takes one kind from elsewhere.
func (o *Options) SourcesGiven() bool {
	return slices.ContainsFunc(o.sources[:], func(f sourceFlag) bool { return f.given })
}

// IsSource reports whether a flag takes one kind from elsewhere.
func IsSource(flag string) bool {
	return flag == network || slices.ContainsFunc(kindFlags, func(f kindFlag) bool { return f.name == flag })
}

// Complete registers what the shell offers for the flags' values.
func Complete(cmd *cobra.Command, cli *dockercli.CLI) {
	execopts.Complete(cmd, cli)
	source := completion.Source(cli)
	functions := map[string]cobra.CompletionFunc{
		"only": completion.Kinds, "except": completion.Kinds, network: source, "names": completion.Names(cli),
	}
	for _, f := range kindFlags {
		functions[f.name] = source
	}
	completion.Flags(cmd, functions)
}

// kindFlag is a flag that takes one kind from elsewhere.
type kindFlag struct {
	kind        ns.Kind
	name, usage string
}

// kindFlags are spelled as docker run spells them.
var kindFlags = []kindFlag{
	{ns.Cgroup, "cgroupns", "Cgroup namespace to use"},
	{ns.IPC, "ipc", "IPC namespace to use (of any container; it need not be shareable)"},
	{ns.Mnt, "mnt", "Mount namespace to use; it decides the identity of the command"},
	{ns.Net, "net", "Network namespace to use"},
	{ns.PID, "pid", "PID namespace to use"},
	{ns.Time, "time", "Time namespace to use"},
	{ns.User, "userns", "User namespace to use"},
	{ns.UTS, "uts", "UTS namespace to use"},
}
