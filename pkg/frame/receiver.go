package frame

import (
	"io"
	"sync"
)

// Receiver takes what comes on a helper's standard output and standard error. The two may be
// delivered in any order, so the last frame says how much there was on standard output. Each of the two must be written by
// one goroutine at a time.
type Receiver struct {
	out      io.Writer
	errs     Splitter
	mutex    sync.Mutex // for what follows
	received int64      // bytes on standard output
	expected int64      // bytes on standard output; -1 before the last frame
	status   int
	ended    chan struct{}
}

// NewReceiver returns a Receiver that passes the helper's standard output on to stdout, and the data
// for the caller's standard error to stderr. consumed is called with the number of bytes of standard
// input consumed so far.
func NewReceiver(stdout, stderr io.Writer, consumed func(total int64)) *Receiver {
	r := &Receiver{out: stdout, expected: -1, ended: make(chan struct{})}
	r.errs = Splitter{Data: stderr, Consumed: consumed, Exit: r.exit}
	return r
}

// Ended returns a channel that is closed when everything has come and was passed on. It stays open if
// the helper is killed.
func (r *Receiver) Ended() <-chan struct{} { return r.ended }

// Status returns the helper's exit status. It is known once Ended is closed.
func (r *Receiver) Status() (status int, known bool) {
	select {
	case <-r.ended:
		return r.status, true
	default:
		return 0, false
	}
}

// Close passes on what is left of a stream that ended in the middle of a frame.
func (r *Receiver) Close() error { return r.errs.Close() }

// Stdout returns the writer for the helper's standard output.
func (r *Receiver) Stdout() io.Writer { return receiverOut{r} }

// Stderr returns the writer for the helper's standard error.
func (r *Receiver) Stderr() io.Writer { return &r.errs }

type receiverOut struct{ *Receiver }

func (r receiverOut) Write(b []byte) (int, error) {
	n, err := r.out.Write(b) // may take any time, while standard error goes on
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.received += int64(n)
	r.check()
	return n, err
}

func (r *Receiver) exit(status int, written int64) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.expected == -1 {
		r.status, r.expected = status, written
		r.check()
	}
}

func (r *Receiver) check() {
	if r.received == r.expected {
		r.expected = -2 // once only
		close(r.ended)
	}
}
