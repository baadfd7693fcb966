package execopts

import (
	"cmp"
	"fmt"

	"github.com/moby/term"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Each flag checks its own value, so that an error names both.

// keysFlag is a sequence of keys, as for docker attach: ctrl-p,ctrl-q.
type keysFlag struct {
	text  string
	keys  []byte
	given bool
}

func (f *keysFlag) String() string { return f.text }
func (f *keysFlag) Type() string   { return "string" }

func (f *keysFlag) Set(value string) error {
	f.text, f.given, f.keys = value, true, nil
	if value == "" {
		return nil
	}
	keys, err := term.ToBytes(value)
	if err != nil {
		return err
	}
	f.keys = keys
	return nil
}

// KeysHint says how detach keys are written.
const KeysHint = "separate the keys by commas; each is a single character, or ctrl- and one of a-z @ [ \\ ] ^ _"

// setDefault takes the keys of the Docker CLI's configuration, or else Docker's own, if the flag was not
// given.
func (f *keysFlag) setDefault(configured string) error {
	if f.given {
		return nil
	}
	if err := f.Set(cmp.Or(configured, "ctrl-p,ctrl-q")); err != nil {
		return exit.Hint(fmt.Errorf("detachKeys %q of the Docker CLI's configuration: %w", configured, err), KeysHint)
	}
	return nil
}

// formatFlag is the form of a printed plan.
type formatFlag struct{ form *request.Output }

func (f *formatFlag) String() string { return string(*f.form) }
func (f *formatFlag) Type() string   { return "string" }

func (f *formatFlag) Set(value string) error {
	switch form := request.Output(value); form {
	case request.OutputText, request.OutputJSON:
		*f.form = form
		return nil
	case request.OutputNone:
	}
	return fmt.Errorf("must be text or json")
}
