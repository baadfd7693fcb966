package ask_test

import (
	"net"
	"syscall"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/state/ask"
)

// socket is a listener that cannot accept at first, then accepts one connection, and is closed then.
type socket struct {
	net.Listener

	accepts int
	conn    net.Conn
}

func (s *socket) Accept() (net.Conn, error) {
	switch s.accepts++; s.accepts {
	case 1:
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	case 2:
		return s.conn, nil
	}
	return nil, &net.OpError{Op: "accept", Err: net.ErrClosed}
}

// A call that has too many open files for a moment is asked and answers later.
func TestServeGoesOn(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	answered := false
	ask.Serve(&socket{conn: ours}, func(conn net.Conn) { answered = conn == ours })
	if !answered {
		t.Error("nobody is answered after an error")
	}
	if _, err := theirs.Write([]byte("x")); err == nil {
		t.Error("the connection is not closed")
	}
}
