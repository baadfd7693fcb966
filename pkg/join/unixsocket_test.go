//go:build linux

package join

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing/lingertest"
)

// A process of the container may have put a socket in the child's place whose queue has the last descriptor of one that
// lingers: closing it waits for nobody.
func TestEndWaitsForNoDescriptor(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	lingertest.Send(t, fds[0], "text")
	unix.Close(fds[0])
	ch, err := newChannel()
	if err != nil {
		t.Fatal(err)
	}
	taken := &Taken{Socket: fds[1], Directory: lingertest.Socket(t), channel: ch}
	ended := make(chan struct{})
	go func() {
		taken.End()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("it waits for what was passed")
	}
	if taken.Socket != -1 || taken.Directory != -1 {
		t.Errorf("%d and %d", taken.Socket, taken.Directory)
	}
}
