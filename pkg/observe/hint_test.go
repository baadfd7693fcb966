//go:build linux

package observe

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// If the process is already traced, being root does not help.
func TestHintIfCopyingNeedsRoot(t *testing.T) {
	for _, row := range []struct {
		err  error
		hint bool
	}{
		{unix.EACCES, true},
		{unix.EPERM, false},
		{nil, false},
		// A security module's refusal to trace. It used to be taken for a filter that only root can copy, which was then made
		// from the profile.
		{&traceError{7, unix.EACCES}, false},
	} {
		denied, got := explainCopyError(row.err)
		if denied != row.hint {
			t.Errorf("%v: denied %v", row.err, denied)
		}
		known, ok := errors.AsType[*exit.Error](got)
		if !errors.Is(got, row.err) || (ok && known.Hint != "") != row.hint {
			t.Errorf("%v: %v", row.err, got)
		}
	}
}
