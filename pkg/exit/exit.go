// Package exit defines the exit statuses of docker nsjoin and the form of its error messages:
// one line on stderr that says what failed, on which container, and why, and a second line, a
// hint, if the user can act.
package exit

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/printable"
)

// The exit statuses of docker nsjoin itself, the same as docker run's. Every other status is
// the command's: https://docs.docker.com/reference/cli/docker/container/run/#exit-status
const (
	Failed    = 125 // docker nsjoin or the engine failed, or the command line is invalid
	CannotRun = 126 // the command was found but cannot be run
	NotFound  = 127 // the command was not found
)

// Signalled returns the status of a command terminated by signal n, as in a shell.
func Signalled(n int) int { return 128 + n }

// Error is an error with an exit status and an optional hint.
type Error struct {
	Status int    // one of the statuses above, or the command's
	Err    error  // what failed, on what, and why; nil for a command's own status
	Hint   string // what the user can do, or ""

	// What the hint was made of, so that the program's name can be replaced in it.
	format string
	args   []any
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Status)
	}
	return e.Err.Error()
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// Hint adds a hint to err. If err has one already, it stays: the code nearer to the cause knows
// better. "docker nsjoin" in format is replaced by the program's name when the hint is printed.
func Hint(err error, format string, args ...any) error {
	if known, ok := errors.AsType[*Error](err); ok && known.Hint != "" {
		return err
	}
	return &Error{Status: Status(err), Err: err, Hint: fmt.Sprintf(format, args...), format: format, args: args}
}

// CommandStatus returns an error that passes on a command's own exit status without a
// message; nil for 0.
func CommandStatus(status int) error {
	if status == 0 {
		return nil
	}
	return &Error{Status: status}
}

// Interrupted returns the error of a call that signal n has ended.
func Interrupted(n int) error { return WithStatus(Signalled(n), errors.New("interrupted")) }

// WithStatus returns err with an exit status.
func WithStatus(status int, err error) error { return &Error{Status: status, Err: err} }

// Status returns err's exit status: Failed if it has none, 0 if err is nil.
func Status(err error) int {
	if err == nil {
		return 0
	}
	if known, ok := errors.AsType[*Error](err); ok {
		return known.Status
	}
	return Failed
}

// oneLine returns text as a single line that is safe to print.
func oneLine(text string) string {
	line := []byte(strings.TrimSpace(text))
	for i, c := range line {
		if c == '\n' || c == '\r' || c == '\t' {
			line[i] = ' '
		}
	}
	return printable.Text(string(line))
}
