//go:build linux

package observe

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// A process that is traced is another reason, which root doesn't help.
func TestHintWhereAFilterTakesRoot(t *testing.T) {
	for _, row := range []struct {
		err  error
		hint bool
	}{
		{unix.EACCES, true},
		{unix.EPERM, false},
		{nil, false},
		// A security module's refusal to trace: the filter was taken for one that only root can
		// copy, and made from the profile.
		{&traceError{7, unix.EACCES}, false},
	} {
		denied, got := explainFilters(row.err)
		if denied != row.hint {
			t.Errorf("%v: denied %v", row.err, denied)
		}
		known, ok := errors.AsType[*exit.Error](got)
		if !errors.Is(got, row.err) || (ok && known.Hint != "") != row.hint {
			t.Errorf("%v: %v", row.err, got)
		}
	}
}
