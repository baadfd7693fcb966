package pump_test

import (
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/pump"
	"github.com/nsjoin/docker-nsjoin/pkg/rawconn"
)

// raw takes a socket out of package net.
func raw(t *testing.T, conn net.Conn) *rawconn.Conn {
	t.Helper()
	from, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	fd := -1
	_ = from.Control(func(original uintptr) { fd, err = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0) })
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	return rawconn.New(fd, nil, nil)
}

// rawPump joins sockets that are not in the runtime's poller.
type rawPump struct {
	*testing.T
	pairs
	pump *pump.Pump
}

func (r rawPump) descriptors() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		r.Fatal(err)
	}
	return len(list)
}

// join joins two; with polled one of them is in the poller meanwhile.
func (r rawPump) join(polled bool) *joined {
	r.Helper()
	j := &joined{done: make(chan struct{})}
	left, a := connect(r.T, r.tcp)
	right, b := connect(r.T, r.tcp)
	j.left, j.right = left, right
	one, two := raw(r.T, a), raw(r.T, b)
	if polled {
		if _, err := two.Polled(); err != nil {
			r.Fatal(err)
		}
	}
	r.pump.Join(one, two, func(sent, received int64, err error) {
		j.sent, j.received, j.err = sent, received, err
		close(j.done)
	})
	return j
}

const exchanges = 60

func (r rawPump) exchange(all []*joined) {
	r.Helper()
	for range exchanges {
		for _, j := range all {
			write(r.T, j.left, "there")
			read(r.T, j.right, len("there"))
			write(r.T, j.right, "back")
			read(r.T, j.left, len("back"))
		}
	}
}

func (r rawPump) finish(all []*joined) {
	r.Helper()
	for _, j := range all {
		_ = j.left.CloseWrite()
		if n, err := j.right.Read(make([]byte, 1)); n > 0 || err == nil {
			r.Error(n, err)
		}
		_ = j.right.Close()
		<-j.done
		_ = j.left.Close()
		if j.err != nil || j.sent != exchanges*int64(len("there")) || j.received != exchanges*int64(len("back")) {
			r.Error(j.sent, j.received, j.err)
		}
	}
}

// Sockets that are not in the runtime's poller are taken over without copies, also if one of them is there meanwhile. Few at a
// time, many, and few again for so long that the loops leave the poller.
func TestRawSockets(t *testing.T) {
	r := rawPump{t, newPairs(t), newPump(t)}
	const (
		mostOwn = 4 * 5 // of each loop: an epoll instance, twice if it is in the poller, an eventfd, a pipe
		many    = 50    // half of them, which are in the poller, are more than that
		each    = 4     // two connections, both ends of which are here
	)
	for _, number := range []int{1, many, 1, 1, 1} {
		before := r.descriptors()
		var all []*joined
		for i := range number {
			all = append(all, r.join(i%2 == 1))
		}
		if now := r.descriptors(); now > before+each*number+mostOwn {
			r.Errorf("%d descriptors, then %d for %d links", before, now, number)
		}
		r.exchange(all)
		r.finish(all)
		if now := r.descriptors(); now > before+mostOwn {
			r.Errorf("%d descriptors, then %d after %d links", before, now, number)
		}
	}
}
