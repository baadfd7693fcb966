package run

import (
	"github.com/docker/cli/opts"
	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// options are the values of the flags.
type options struct {
	only, except kindsFlag
	sources      [8]sourceFlag // by kind
	host         enginehost.Options
	helperImage  string
	dryRun       bool
	format       request.Output
	tty, noTTY   bool
	trust        bool
	flags        *pflag.FlagSet
	detachKeys   keysFlag
	exec         request.Exec
	env, envFile opts.ListOpts
}

func newOptions() *options {
	return &options{
		format: request.OutputText,
		env:    opts.NewListOpts(opts.ValidateEnv), envFile: opts.NewListOpts(nil),
	}
}

// given tells whether a flag was given, whatever its value is.
func (o *options) given(flag string) bool { return o.flags != nil && o.flags.Changed(flag) }

func (o *options) addTo(flags *pflag.FlagSet) {
	o.flags = flags
	flags.SetInterspersed(false) // what follows CONTAINER belongs to the command
	flags.Var(&o.only, "only", "Join only these kinds, separated by commas: "+ns.All().String())
	flags.Var(&o.except, "except", "Join all kinds but these")
	for _, f := range kindFlags {
		flags.Var(&o.sources[f.kind], f.name, f.usage)
	}
	flags.Var(&o.sources[ns.Net], "network", "")
	_ = flags.MarkHidden("network") // another spelling, as in docker run
	flags.BoolVar(&o.trust, "trust-container", false, "Run a command that the container's processes could take over")
	o.host.AddTo(flags)
	flags.StringVar(&o.helperImage, "helper-image", "", "Image of the container for --via engine (never pulled)")
	flags.BoolVar(&o.dryRun, "dry-run", false, "Print what would be done and run nothing")
	flags.Var(&formatFlag{&o.format}, "format", `Format of what --dry-run prints ("text"|"json")`)
	flags.VarP(&o.env, "env", "e", "Set environment variables")
	flags.Var(&o.envFile, "env-file", "Read in a file of environment variables")
	flags.StringVarP(&o.exec.User, "user", "u", "", `Username or UID ("<name|uid>[:<group|gid>]")`)
	flags.StringVarP((*string)(&o.exec.Dir), "workdir", "w", "", "Working directory inside the container")
	flags.BoolVar(&o.exec.Privileged, "privileged", false, "Give all capabilities (seccomp filter and label stay, as with docker exec)")
	flags.BoolVarP(&o.exec.Detach, "detach", "d", false, "Run the command in the background")
	flags.Var(&o.detachKeys, "detach-keys", `Keys that leave the command running ("" for none)`)
	flags.BoolVarP(&o.exec.Interactive, "interactive", "i", false, "Pass standard input on")
	flags.BoolVarP(&o.tty, "tty", "t", false, "Allocate a pseudo-TTY (-it is implied at a terminal)")
	flags.BoolVarP(&o.noTTY, "no-tty", "T", false, "Do not imply -it at a terminal")
	flags.Bool("version", false, "Print the version") // cobra's own has -v
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
