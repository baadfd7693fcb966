package engine

import (
	"net"

	"github.com/docker/docker/api/types"
	"golang.org/x/sys/unix"
)

// pauseOf returns what waits between large reads of a stream. It is shorter than it takes an engine to fill the buffers of a
// socket; a timer of the Go runtime would take a millisecond. It is nil where a read returns no more than a part of what is
// there, as with TLS, or buffers are small, as ssh's are.
func pauseOf(stream types.HijackedResponse) func() {
	switch stream.Conn.(type) {
	case *net.UnixConn, *net.TCPConn:
		const pause = 250_000 // ns
		return func() { _ = unix.Nanosleep(&unix.Timespec{Nsec: pause}, nil) }
	}
	return nil
}
