package pump_test

import (
	"errors"
	"net"
	"testing"
)

// fake is a connection that is read by bytes from a channel, and that cannot be written.
type fake struct {
	net.Conn
	read   func([]byte) (int, error)
	failed error
	closed chan struct{}
}

func newFake() *fake { return &fake{closed: make(chan struct{})} }

func (f *fake) Read(b []byte) (int, error) { return f.read(b) }
func (f *fake) Write([]byte) (int, error)  { return 0, f.failed }
func (f *fake) LocalAddr() net.Addr        { return &net.TCPAddr{} }
func (f *fake) Close() error {
	select {
	case <-f.closed:
	default:
		close(f.closed)
	}
	return nil
}

// Why a pair has ended is the error that has ended it, not what follows for the other direction.
func TestFirstErrorCounts(t *testing.T) {
	want := errors.New("the disk is full")
	for _, back := range []bool{false, true} {
		p := newPump(t)
		silent, speaking := newFake(), newFake()
		silent.failed = want
		silent.read = func([]byte) (int, error) {
			<-silent.closed
			return 0, net.ErrClosed
		}
		speaking.read = func(b []byte) (int, error) {
			b[0] = 'x'
			return 1, nil
		}
		a, b := net.Conn(silent), net.Conn(speaking)
		if back {
			a, b = b, a
		}
		ended := make(chan error, 1)
		p.Join(a, b, func(_, _ int64, err error) { ended <- err })
		if err := <-ended; !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}
