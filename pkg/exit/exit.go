// Package exit owns the exit statuses of docker nsjoin and the voice of its
// errors: one line on stderr that says what was being done, to which
// container, and the cause, and a second one, a hint, where the user can act.
package exit

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/printable"
)

// The statuses that are ours; every other one is the command's own. They are
// those of docker run: https://docs.docker.com/reference/cli/docker/container/run/#exit-status
const (
	Failed    = 125 // nsjoin or the engine failed, or was asked for nonsense
	CannotRun = 126 // the command was found but can't be run
	NotFound  = 127 // the command was not found
)

// Signalled is the status of a command that signal number n ended, as a shell has it.
func Signalled(n int) int { return 128 + n }

// Error is an error that knows its exit status and, maybe, the way out.
type Error struct {
	Status int    // one of the statuses above
	Err    error  // what was being done, to what, and the cause; nil for a command's own status
	Hint   string // what the user can do, or ""
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Status)
	}
	return e.Err.Error()
}

// Unwrap gives the cause to errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// Hint adds a way out to err. An error that has one already keeps it, since
// who was nearer to the cause knows better.
func Hint(err error, format string, args ...any) error {
	if known, ok := errors.AsType[*Error](err); ok && known.Hint != "" {
		return err
	}
	return &Error{Status: Status(err), Err: err, Hint: fmt.Sprintf(format, args...)}
}

// CommandStatus is how a command's own exit status is passed on: nothing is said of it. It
// is nil for 0.
func CommandStatus(status int) error {
	if status == 0 {
		return nil
	}
	return &Error{Status: status}
}

// WithStatus gives err an exit status.
func WithStatus(status int, err error) error { return &Error{Status: status, Err: err} }

// Status is err's exit status: its own, or Failed. It is 0 for no error.
func Status(err error) int {
	if err == nil {
		return 0
	}
	if known, ok := errors.AsType[*Error](err); ok {
		return known.Status
	}
	return Failed
}

// Report writes err for the user and returns its exit status. Control
// characters are escaped: a container's names and files reach a terminal here.
func Report(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	known, ok := errors.AsType[*Error](err)
	if ok && known.Err == nil {
		return known.Status
	}
	fmt.Fprintf(w, "docker nsjoin: %s\n", oneLine(err.Error()))
	if ok && known.Hint != "" {
		fmt.Fprintf(w, "hint: %s\n", oneLine(known.Hint))
	}
	return Status(err)
}

// ParseReport is the error that another process's Report wrote before it ended with
// the status.
func ParseReport(text string, status int) error {
	line, rest, _ := strings.Cut(text, "\n")
	hint, _, _ := strings.Cut(strings.TrimPrefix(rest, "hint: "), "\n")
	return &Error{Status: status, Err: errors.New(strings.TrimPrefix(line, "docker nsjoin: ")), Hint: hint}
}

// Warn writes what may surprise the user and fails nothing.
func Warn(w io.Writer, text string) { fmt.Fprintf(w, "docker nsjoin: warning: %s\n", oneLine(text)) }

// oneLine puts text on one line that is safe to print.
func oneLine(text string) string {
	line := []byte(strings.TrimSpace(text))
	for i, c := range line {
		if c == '\n' || c == '\r' || c == '\t' {
			line[i] = ' '
		}
	}
	return printable.Text(string(line))
}
