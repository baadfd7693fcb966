package tool

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// The statuses of a command that can't be run, or is not found.
const (
	CannotRun = 126
	NotFound  = 127
)

// Run runs a command with the tool's own standard streams, or with another standard input, and returns its exit
// status.
func Run(stdin io.Reader, args []string) (status int, err error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, os.Stdout, os.Stderr
	if stdin == nil {
		cmd.Stdin = os.Stdin
	}
	return Status(cmd.Run())
}

// Status returns the exit status that an error of package exec stands for, or the error if the command did not run.
func Status(err error) (int, error) {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit):
		if s, ok := exit.Sys().(syscall.WaitStatus); ok && s.Signaled() {
			return 128 + int(s.Signal()), nil
		}
		return exit.ExitCode(), nil
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
		return NotFound, err
	}
	return CannotRun, err
}
