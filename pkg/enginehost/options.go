package enginehost

import (
	"errors"

	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
)

// Options are the flags that choose the way to the engine's host. Every command has them.
type Options struct {
	via      launch.Via
	noEngine bool
	dataRoot string
}

// AddTo adds the flags to a command's.
func (o *Options) AddTo(flags *pflag.FlagSet) {
	o.via = launch.Auto
	flags.Var(&viaFlag{&o.via}, "via", `How to reach the engine's host ("auto"|"local"|"engine")`)
	flags.BoolVar(&o.noEngine, "no-engine", false, "Find containers in the engine's files, if the engine hangs (as root, on its host)")
	flags.StringVar(&o.dataRoot, "data-root", "", "Directory of the engine's files, if --no-engine does not find it")
}

// NoEngine reports whether --no-engine was given.
func (o *Options) NoEngine() bool { return o.noEngine }

// Check refuses flags that contradict each other.
func (o *Options) Check() error {
	switch {
	case !o.noEngine && o.dataRoot != "":
		return dockercli.UsageError(errors.New("--data-root requires --no-engine"))
	case !o.noEngine:
		return nil
	case o.via == launch.Engine:
		return dockercli.UsageError(errors.New("--no-engine and --via engine cannot be used together"))
	}
	o.via = launch.Local // the only way without an engine
	return nil
}

// viaFlag is the value of --via.
type viaFlag struct{ via *launch.Via }

func (f *viaFlag) String() string { return string(*f.via) }
func (f *viaFlag) Type() string   { return "string" }

func (f *viaFlag) Set(value string) (err error) {
	*f.via, err = launch.ParseVia(value)
	return err
}
