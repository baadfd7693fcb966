package run

import (
	"errors"
	"os"

	"github.com/docker/cli/opts"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// request makes a Request of the flags and arguments. noBase tells that the arguments began with --.
func (o *options) request(args []string, noBase bool) (*request.Request, error) {
	r := &request.Request{
		Version: request.Version,
		Base:    request.Host(),
		Command: args,
	}
	if !noBase {
		if len(args) == 0 {
			return nil, dockercli.UsageError(errors.New("which container? docker nsjoin [OPTIONS] CONTAINER [COMMAND [ARG...]]"))
		}
		base, err := request.ParseBase(args[0])
		if err != nil {
			return nil, dockercli.UsageError(err)
		}
		r.Base, r.Command = base, args[1:]
	}
	var err error
	r.Exec, r.TrustContainer = o.exec, o.trust
	if r.Env, err = opts.ReadKVEnvStrings(o.envFile.GetSlice(), o.env.GetSlice()); err != nil {
		return nil, err
	}
	if r.Take, err = o.kinds(); err != nil {
		return nil, dockercli.UsageError(err)
	}
	r.Overrides = make(map[ns.Kind]request.Source)
	for _, k := range ns.Kinds() {
		if f := o.sources[k]; f.given {
			r.Overrides[k] = f.source
		}
	}
	r.CallerEnv, r.NotFoundHint = callerEnv(r), o.commandHint(args, noBase)
	if r.Terminal, err = o.terminal(); err != nil {
		return nil, err
	}
	r.DetachKeys = o.detachKeys.keys
	if o.given("format") && !o.dryRun {
		return nil, dockercli.UsageError(errors.New("--format is the form of what --dry-run prints, which is not given"))
	}
	if o.dryRun {
		r.DryRun = o.format
	}
	return r, nil
}

// callerEnv returns what the command may need of the caller's environment. In a container's file system
// that is what is about the terminal. The rest, which may hold secrets, is not passed on: a container's
// root that may trace can read the memory of the process that becomes the command.
func callerEnv(r *request.Request) []string {
	if r.Source(ns.Mnt).From != request.FromContainer {
		return os.Environ()
	}
	return enginehost.TerminalVariables(os.Environ())
}

// kinds returns the kinds that the base gives.
func (o *options) kinds() (ns.Set, error) {
	switch {
	case o.only.given && o.except.given:
		return 0, errors.New("--only and --except say the same thing in two ways: use one")
	case o.only.given:
		return o.only.set, nil
	}
	return ns.All().Without(o.except.set), nil
}

// terminal decides whether the command gets a terminal. At a terminal of the caller's, -it is implied
// if neither of them is given.
func (o *options) terminal() (request.Terminal, error) {
	switch {
	case o.tty && o.noTTY:
		return "", dockercli.UsageError(errors.New("--tty and --no-tty exclude each other"))
	case o.tty:
		return request.TerminalAlways, nil
	case o.noTTY, o.given("tty"), o.given("interactive"):
		return request.TerminalNever, nil
	}
	return request.TerminalAuto, nil
}
