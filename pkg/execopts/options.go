// Package execopts has what all commands of docker nsjoin share that run a command: the options of docker exec, what
// they become in a request, and the way from there to the running command.
package execopts

import (
	"errors"
	"fmt"

	"github.com/docker/cli/opts"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/completion"
	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Options are the values of the flags.
type Options struct {
	Host  enginehost.Options
	Words dockercli.Words // that were typed, for hints

	// FormatRuns says that --format is also about a command that runs.
	FormatRuns bool

	flags        *pflag.FlagSet
	helperImage  string
	dryRun       bool
	format       request.Output
	tty, noTTY   bool
	trust        bool
	detachKeys   keysFlag
	exec         request.Exec
	env, envFile opts.ListOpts
}

// AddTo adds the flags to a command's. Options end at the command's first argument: what follows belongs to the
// command that runs.
func (o *Options) AddTo(flags *pflag.FlagSet) {
	o.flags, o.format = flags, request.OutputText
	o.env, o.envFile = opts.NewListOpts(opts.ValidateEnv), opts.NewListOpts(nil)
	flags.SetInterspersed(false)
	flags.BoolVar(&o.trust, "trust-container", false, "Run the command even if a container's processes could take it over")
	o.Host.AddTo(flags)
	flags.StringVar(&o.helperImage, "helper-image", "", "Image of the container that --via engine starts (never pulled)")
	flags.BoolVar(&o.dryRun, "dry-run", false, "Print what would be done; run nothing")
	flags.Var(&formatFlag{&o.format}, "format", `Output format of --dry-run ("text"|"json")`)
	flags.VarP(&o.env, "env", "e", "Set environment variables")
	flags.Var(&o.envFile, "env-file", "Read in a file of environment variables")
	flags.StringVarP(&o.exec.User, "user", "u", "", `Username or UID ("<name|uid>[:<group|gid>]")`)
	flags.StringVarP((*string)(&o.exec.Dir), "workdir", "w", "", "Working directory inside the container")
	flags.BoolVarP(&o.exec.Detach, "detach", "d", false, "Run the command in the background")
	flags.Var(&o.detachKeys, "detach-keys", `Keys that detach from the command and leave it running ("" for none)`)
	flags.BoolVarP(&o.exec.Interactive, "interactive", "i", false, "Pass standard input to the command")
	flags.BoolVarP(&o.tty, "tty", "t", false, "Allocate a pseudo-TTY (-it is implied at a terminal)")
	flags.BoolVarP(&o.noTTY, "no-tty", "T", false, "Do not imply -it at a terminal")
}

// AddPrivileged adds the flag of docker exec that grants all capabilities.
func (o *Options) AddPrivileged() {
	o.flags.BoolVar(&o.exec.Privileged, "privileged", false, "Give the command all capabilities (its seccomp filter and label stay, as with docker exec)")
}

// Complete registers what the shell offers for the values of the flags.
func Complete(cmd *cobra.Command, cli *dockercli.CLI) {
	completion.Flags(cmd, map[string]cobra.CompletionFunc{
		"via":         completion.Via,
		"format":      completion.OneOf(string(request.OutputText), string(request.OutputJSON)),
		"env":         completion.Variable,
		"user":        completion.User(cli),
		"workdir":     completion.Nothing,
		"detach-keys": completion.Nothing,
	})
}

// SetHelperImage sets the image of the container that the helper runs in, as --helper-image does.
func (o *Options) SetHelperImage(name string) { o.helperImage = name }

// HelperImage returns the image of --helper-image.
func (o *Options) HelperImage() string { return o.helperImage }

// Format returns the value of --format.
func (o *Options) Format() request.Output { return o.format }

// Given reports whether a flag was given, whatever its value is.
func (o *Options) Given(flag string) bool { return o.flags != nil && o.flags.Changed(flag) }

// Flag returns the value of a flag as text.
func (o *Options) Flag(name string) string { return o.flags.Lookup(name).Value.String() }

// EnvGiven reports whether variables were given. They may hold secrets.
func (o *Options) EnvGiven() bool { return o.env.Len() > 0 }

// Apply sets in r what the flags ask for.
func (o *Options) Apply(r *request.Request) (err error) {
	r.Exec, r.TrustContainer = o.exec, o.trust
	if r.Env, err = opts.ReadKVEnvStrings(o.envFile.GetSlice(), o.env.GetSlice()); err != nil {
		return fmt.Errorf("--env-file: %w", err) // the only source of errors
	}
	if r.Terminal, err = o.terminal(); err != nil {
		return err
	}
	r.DetachKeys = o.detachKeys.keys
	if o.Given("format") && !o.dryRun && !o.FormatRuns {
		return dockercli.UsageError(errors.New("--format requires --dry-run"))
	}
	if o.dryRun {
		r.DryRun = o.format
	}
	return nil
}

// terminal decides whether the command gets a terminal. At a terminal of the caller's, -it is implied
// if neither -i nor -t is given.
func (o *Options) terminal() (request.Terminal, error) {
	switch {
	case o.tty && o.noTTY:
		return "", dockercli.UsageError(errors.New("--tty and --no-tty cannot be used together"))
	case o.tty:
		return request.TerminalAlways, nil
	case o.noTTY, o.Given("tty"), o.Given("interactive"):
		return request.TerminalNever, nil
	}
	return request.TerminalAuto, nil
}
