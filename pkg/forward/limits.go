package forward

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/reach"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/client"
)

// limits reports limits that many connections meet at the same time.
type limits struct {
	mu   sync.Mutex
	said map[any]time.Time // by the error of known, a fullShare, or the text of another error
}

// known are these limits, with what the user can do.
var known = []struct {
	err    error
	advice string
}{
	{syscall.EMFILE, "ulimit -Hn is the limit, and a connection takes two"},
	{syscall.ENFILE, "/proc/sys/fs/file-max is the limit of this machine"},
	{client.ErrLimit, "others have to end first"},
}

// againAfter is when a limit is reported again.
const againAfter = time.Minute

// isFirst reports whether the limit was not reported recently.
func (l *limits) isFirst(limit any) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, said := l.said[limit]; said && time.Since(at) < againAfter {
		return false
	}
	if l.said == nil {
		l.said = make(map[any]time.Time)
	}
	l.said[limit] = time.Now()
	return true
}

// atLimit reports whether err means that a known limit is reached. It says so once for the call.
func (t *tunnel) atLimit(err error) bool {
	for _, limit := range known {
		if !errors.Is(err, limit.err) {
			continue
		}
		if t.owner.session.limits.isFirst(limit.err) {
			t.tellLimit(fmt.Errorf("connections wait or fail: %w; %s", reach.Cause(err), limit.advice))
		}
		return true
	}
	return false
}

// limited reports that a limit of the system is reached, once for the call: each forward may meet it.
func (t *tunnel) limited(err error) {
	if !t.atLimit(err) && t.owner.session.limits.isFirst(err.Error()) {
		t.tellLimit(err)
	}
}

func (t *tunnel) tellLimit(err error) {
	e := t.event(Limited)
	e.Error = err.Error()
	t.owner.session.tell(e)
}
