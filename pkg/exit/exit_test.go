package exit_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

func TestStatus(t *testing.T) {
	cause := errors.New("cause")
	for _, row := range []struct {
		name string
		err  error
		want int
	}{
		{"no error", nil, 0},
		{"an error without a status", cause, 125},
		{"an error with a status", exit.WithStatus(exit.NotFound, cause), 127},
		{"a wrapped status", fmt.Errorf("run: %w", exit.WithStatus(exit.CannotRun, cause)), 126},
		{"the outer of two statuses", exit.WithStatus(exit.CannotRun, exit.WithStatus(exit.NotFound, cause)), 126},
		{"an error with a hint", exit.Hint(cause, "act"), 125},
		{"a hint keeps the status", exit.Hint(exit.WithStatus(exit.NotFound, cause), "act"), 127},
		{"a hint keeps a wrapped status", exit.Hint(fmt.Errorf("run: %w", exit.WithStatus(exit.NotFound, cause)), "act"), 127},
		{"a status around a hint", exit.WithStatus(exit.NotFound, exit.Hint(cause, "act")), 127},
		{"one of several errors", errors.Join(cause, exit.WithStatus(exit.NotFound, cause)), 127},
	} {
		if got := exit.Status(row.err); got != row.want {
			t.Errorf("%s: status %d, want %d", row.name, got, row.want)
		}
	}
}

func TestStatusesAreThoseOfDockerRun(t *testing.T) {
	if exit.Failed != 125 || exit.CannotRun != 126 || exit.NotFound != 127 {
		t.Errorf("they are %d, %d and %d", exit.Failed, exit.CannotRun, exit.NotFound)
	}
	for signal, want := range map[int]int{1: 129, 9: 137, 15: 143, 64: 192} {
		if got := exit.Signalled(signal); got != want {
			t.Errorf("signal %d: status %d, want %d", signal, got, want)
		}
	}
}

func TestUnwrapStatusAndHint(t *testing.T) {
	err := exit.WithStatus(exit.NotFound, fmt.Errorf("run: %w", exit.Hint(fs.ErrNotExist, "act")))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not %v", err, fs.ErrNotExist)
	}
	if got, want := err.Error(), "run: file does not exist"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
}
