package frame

import (
	"io"
	"time"
)

// Helper is a helper that exchanges frames with this process.
type Helper interface {
	// Write writes to its standard input.
	io.Writer
	// Output copies what it writes until it ends.
	Output(stdout, stderr io.Writer) error
	// Close hangs up: the helper ends its command.
	Close()
	Ender
}

// Ender is a helper whose end is waited for.
type Ender interface {
	// Wait waits until the helper has ended and returns its exit status. It is called once.
	Wait() (int, error)
	// MayLeave reports whether a client may end once the helper has reported its exit status.
	MayLeave() bool
}

// lateEnd is how long a helper may take to end that has reported its exit status, whose output has all come. A thread of it
// can wait for the server of a file system of the container's, which not even SIGKILL ends.
const lateEnd = 10 * time.Second

// Ending is how a helper has ended.
type Ending struct {
	Status   int
	Err      error
	Reported bool // Status is what the helper has reported; all output has come
	GivenUp  bool // nothing is known: giveUp was closed
}

// AwaitEnd waits until h has ended, or has reported its exit status and may be left, or does not end after it has, or until
// giveUp is closed. The helper's own word counts most, whatever comes first.
func (r *Receiver) AwaitEnd(h Ender, giveUp <-chan struct{}) Ending {
	ended := make(chan Ending, 1)
	go func() {
		status, err := h.Wait()
		ended <- Ending{Status: status, Err: err}
	}()
	e := Ending{GivenUp: true}
	select {
	case e = <-ended:
	case <-giveUp:
	case <-r.Ended():
		if h.MayLeave() {
			break
		}
		late := time.NewTimer(lateEnd)
		defer late.Stop()
		select {
		case e = <-ended:
		case <-giveUp:
		case <-late.C:
		}
	}
	if status, known := r.Status(); known && (e.GivenUp || h.MayLeave()) {
		return Ending{Status: status, Reported: true}
	}
	return e
}
