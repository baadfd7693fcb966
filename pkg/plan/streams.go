package plan

import (
	"errors"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Streams says how the command's standard streams are connected to the caller's. It does not
// apply to a command that inherits them, see Plan.InheritsStreams.
type Streams struct {
	// Terminal means that the command gets a new terminal.
	Terminal bool `json:"terminal"`
	// Input means that the caller's standard input is passed on. Otherwise it is not read, and
	// the command's standard input is the null device.
	Input bool `json:"input"`
	// SeparateErrors means that the caller has redirected standard error, so that it is
	// not the command's terminal.
	SeparateErrors bool `json:"separateErrors,omitempty"`
}

// DecideStreams decides how the caller's streams are used. It follows docker exec, but
// without options implies -it if the caller is in the foreground of a terminal. It refuses -it
// if standard input is not a terminal.
func DecideStreams(r *request.Request, caller request.Streams) (Streams, error) {
	input := r.Interactive && !r.Detach
	switch r.Terminal {
	case request.TerminalAlways:
		if input && !caller.InputTerminal {
			return Streams{}, exit.Hint(errors.New("-it: standard input is not a terminal"), "omit -t to run without a terminal")
		}
		return Streams{Terminal: true, Input: input}, nil
	case request.TerminalAuto:
		if caller.InputTerminal && caller.OutputTerminal && caller.Foreground && !r.Detach {
			return Streams{Terminal: true, Input: true, SeparateErrors: !caller.ErrorsTerminal}, nil
		}
	case request.TerminalNever:
	}
	return Streams{Input: input}, nil
}
