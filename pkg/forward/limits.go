package forward

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/reach"
)

// files reports the limit of open files, which many things meet at the same time.
type files struct {
	mu   sync.Mutex
	said time.Time
}

// againAfter is when the limit is reported again.
const againAfter = time.Minute

// isFirst reports whether the limit was not reported recently.
func (f *files) isFirst() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.said.IsZero() && time.Since(f.said) < againAfter {
		return false
	}
	f.said = time.Now()
	return true
}

// noFiles reports whether err means that this process or the system has too many open files. It says so once for the call.
func (t *tunnel) noFiles(err error) bool {
	if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
		return false
	}
	if t.owner.session.files.isFirst() {
		t.tellLimit(fmt.Errorf("connections wait or fail: %w; ulimit -n is the limit, and a connection takes two", reach.Cause(err)))
	}
	return true
}

// limited reports that a limit of the system is reached.
func (t *tunnel) limited(err error) {
	if !t.noFiles(err) {
		t.tellLimit(err)
	}
}

func (t *tunnel) tellLimit(err error) {
	e := t.event(Limited)
	e.Error = err.Error()
	t.owner.session.tell(e)
}
