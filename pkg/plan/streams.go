package plan

import (
	"errors"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Streams is what becomes of the caller's standard streams. It does not apply to a
// command that inherits them: one in the host's file system that is started locally.
type Streams struct {
	// Terminal says that the command gets a terminal of its own.
	Terminal bool `json:"terminal"`
	// Input says that the caller's standard input is passed on. Without it nothing of
	// the input is read, and the command has the null device.
	Input bool `json:"input"`
	// SeparateErrors says that standard error is not the command's terminal: the user has
	// redirected it.
	SeparateErrors bool `json:"separateErrors,omitempty"`
}

// DecideStreams decides what becomes of the caller's streams. It follows docker exec, but
// implies -it where nothing is said and the caller is at a terminal, in its foreground.
// It refuses -it where standard input is not a terminal.
func DecideStreams(r *request.Request, caller request.Streams) (Streams, error) {
	input := r.Interactive && !r.Detach
	switch r.Terminal {
	case request.TerminalAlways:
		if input && !caller.InputTerminal {
			return Streams{}, exit.Hint(errors.New("-it: standard input is not a terminal"), "leave -t out to run without a terminal")
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
