package joinopts

import (
	"errors"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Each flag checks its own value, so that an error names both.

// kindsFlag is a list of kinds of namespaces.
type kindsFlag struct {
	set   ns.Set
	given bool
}

func (f *kindsFlag) String() string { return f.set.String() }
func (f *kindsFlag) Type() string   { return "list" }

func (f *kindsFlag) Set(value string) (err error) {
	f.given = true
	f.set, err = ns.ParseSet(value)
	return err
}

// sourceFlag is the source of one kind.
type sourceFlag struct {
	source request.Source
	given  bool
}

func (f *sourceFlag) String() string {
	if !f.given {
		return ""
	}
	return f.source.String()
}
func (f *sourceFlag) Type() string { return "source" }

func (f *sourceFlag) Set(value string) (err error) {
	f.given = true
	f.source, err = request.ParseSource(value)
	return err
}

// NamesFlag is the value of --names, the source of names.
type NamesFlag struct {
	names *request.Names // nil for the host
	value string
	given bool
}

func (f *NamesFlag) String() string { return f.value }

// Type returns the name of the value's type.
func (f *NamesFlag) Type() string { return "source" }

// Set sets the value.
func (f *NamesFlag) Set(value string) (err error) {
	f.given, f.value = true, value
	f.names, err = request.ParseNames(value)
	return err
}

// Of returns the names that the command of r sees; nil for those of its file system.
func (f *NamesFlag) Of(r *request.Request) (*request.Names, error) {
	switch mnt, given := r.Overrides[ns.Mnt]; {
	case !f.given:
		return r.DefaultNames(), nil
	case f.names != nil && given && mnt.From == request.FromHost:
		return nil, errors.New("--names " + f.value + " needs a copy of the mounts, and --mnt host keeps them as they are: leave out one of them")
	}
	return f.names, nil
}
