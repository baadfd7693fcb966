package joinopts

import (
	"errors"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Request makes a request of the flags, for a command in a base.
func (o *Options) Request(base request.Source, command []string) (*request.Request, error) {
	r := &request.Request{Version: request.Version, Base: base, Command: command}
	err := o.Apply(r)
	if err != nil {
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
	if r.Names, err = o.names.Of(r); err != nil {
		return nil, dockercli.UsageError(err)
	}
	r.CallerEnv = CallerEnv(r)
	return r, nil
}

// CallerEnv returns the part of the caller's environment that the command may need: all of it on the host,
// and in a container's file system only the variables about the terminal. The rest may contain secrets:
// a container's root with CAP_SYS_PTRACE can read the memory of the process that becomes the command.
func CallerEnv(r *request.Request) []string {
	if r.Source(ns.Mnt).From != request.FromContainer {
		return os.Environ()
	}
	return enginehost.TerminalVariables(os.Environ())
}

// kinds returns the kinds of namespaces that are taken from the base.
func (o *Options) kinds() (ns.Set, error) {
	switch {
	case o.only.given && o.except.given:
		return 0, errors.New("--only and --except cannot be used together")
	case o.only.given:
		return o.only.set, nil
	}
	return ns.All().Without(o.except.set), nil
}
