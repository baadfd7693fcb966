package engine

import (
	"crypto/tls"
	"net"
	"testing"

	"github.com/docker/docker/api/types"
)

// Only connections whose reads return all that is there are waited for.
func TestPauseOf(t *testing.T) {
	one, other := net.Pipe()
	defer one.Close()
	defer other.Close()
	for _, c := range []struct {
		conn   net.Conn
		pauses bool
	}{{&net.UnixConn{}, true}, {&net.TCPConn{}, true}, {tls.Client(one, &tls.Config{}), false}, {one, false}} {
		pause := pauseOf(types.HijackedResponse{Conn: c.conn})
		if (pause != nil) != c.pauses {
			t.Errorf("%T: %t", c.conn, pause != nil)
		}
		if pause != nil {
			pause()
		}
	}
}
