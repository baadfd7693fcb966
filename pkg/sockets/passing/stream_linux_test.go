package passing_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing/lingertest"
)

// Descriptors whose close(2) waits for ten minutes come along with data, in the ways that a hostile peer has. With read(2) and
// close(2), each row waits.
func TestDescriptorsThatLinger(t *testing.T) {
	const stream, packets = unix.SOCK_STREAM, unix.SOCK_SEQPACKET
	for name, row := range map[string]struct {
		typ  int
		send func(t *testing.T, to int)
		does func(t *testing.T, fd int)
	}{
		"read":                  {stream, func(t *testing.T, to int) { lingertest.Send(t, to, "text") }, reads("text")},
		"unread":                {stream, func(t *testing.T, to int) { lingertest.Send(t, to, "text") }, drains},
		"behind empty messages": {packets, sendAfterEmpty, drains},
		"in a socket's queue": {stream, func(t *testing.T, to int) {
			in, out := pair(t, unix.SOCK_DGRAM)
			lingertest.Send(t, in, "text")
			pass(t, to, out)
			unix.Close(in)
		}, reads("passed")},
		"in a connection that nobody has accepted": {stream, func(t *testing.T, to int) {
			listener := listen(t)
			at, err := unix.Getsockname(listener)
			if err != nil {
				t.Fatal(err)
			}
			client := socket(t)
			if err := unix.Connect(client, at); err != nil {
				t.Fatal(err)
			}
			lingertest.Send(t, client, "text")
			pass(t, to, listener)
			unix.Close(client)
		}, reads("passed")},
		"with urgent data": {stream, sendUrgent, func(t *testing.T, fd int) {
			passing.Refuse(fd)
			reads("!")(t, fd)
		}},
		"with urgent data, unread": {stream, sendUrgent, drains},
		"many": {stream, func(t *testing.T, to int) {
			const most = 253 // SCM_MAX_FD
			var fds []int
			for range most {
				fds = append(fds, lingertest.Socket(t))
			}
			if err := unix.Sendmsg(to, []byte("text"), unix.UnixRights(fds...), nil, 0); err != nil {
				t.Fatal(err)
			}
			for _, fd := range fds {
				unix.Close(fd)
			}
		}, reads("text")},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := pair(t, row.typ)
			row.send(t, theirs)
			unix.Close(theirs)
			done := make(chan struct{})
			go func() {
				defer close(done)
				row.does(t, ours)
				unix.Close(ours)
			}()
			select {
			case <-done:
			case <-time.After(time.Minute):
				t.Fatal("it waits for what was passed")
			}
		})
	}
}

// What else a message may carry, because a process that shares the socket asks for it, hides no descriptor: none stays open.
func TestNoDescriptorStays(t *testing.T) {
	const soPassPidfd = 76
	buf := make([]byte, 100)
	for _, options := range [][]int{{unix.SO_PASSCRED}, {soPassPidfd}, {unix.SO_PASSCRED, unix.SO_PASSSEC, soPassPidfd}} {
		ours, theirs := pair(t, unix.SOCK_STREAM)
		for _, option := range options {
			_ = unix.SetsockoptInt(ours, unix.SOL_SOCKET, option, 1) // not all kernels have all
		}
		before := open(t)
		for range 5 {
			if err := unix.Sendmsg(theirs, []byte("text"), unix.UnixRights(0, 1, 2), nil, 0); err != nil {
				t.Fatal(err)
			}
			if n, err := passing.Read(ours, buf); n != 4 || err != nil {
				t.Error(n, err)
			}
		}
		if after := open(t); after != before {
			t.Errorf("options %v: %d descriptors more", options, after-before)
		}
		unix.Close(ours)
		unix.Close(theirs)
	}
}

// open returns how many descriptors are open.
func open(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func drains(_ *testing.T, fd int) { passing.Drain(fd) }

func reads(text string) func(t *testing.T, fd int) {
	return func(t *testing.T, fd int) {
		buf := make([]byte, 100)
		if n, err := passing.Read(fd, buf); err != nil || string(buf[:n]) != text {
			t.Errorf("%q, %v", buf[:max(n, 0)], err)
		}
		if n, err := passing.Read(fd, buf); n != 0 || err != nil {
			t.Error(n, err)
		}
	}
}

func sendUrgent(t *testing.T, to int) {
	t.Helper()
	passed := lingertest.Socket(t)
	if err := unix.Sendmsg(to, []byte("!"), unix.UnixRights(passed), nil, unix.MSG_OOB); err != nil {
		t.Fatal(err)
	}
	unix.Close(passed)
}

func sendAfterEmpty(t *testing.T, to int) {
	t.Helper()
	for range 3 {
		if err := unix.Sendto(to, nil, 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	lingertest.Send(t, to, "text")
}

// pass passes a descriptor, and closes it here.
func pass(t *testing.T, to, fd int) {
	t.Helper()
	if err := unix.Sendmsg(to, []byte("passed"), unix.UnixRights(fd), nil, 0); err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
}

func pair(t *testing.T, typ int) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, typ|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fds[0], fds[1]
}

func socket(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// listen listens on a name of the kernel's choice.
func listen(t *testing.T) int {
	t.Helper()
	fd := socket(t)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{}), unix.Listen(fd, 1)); err != nil {
		t.Fatal(err)
	}
	return fd
}

// What a listening socket refuses, the accepted one refuses as well. Before Linux 6.16, nothing is refused.
func TestRefuse(t *testing.T) {
	listener := listen(t)
	defer unix.Close(listener)
	if !passing.MayCome(listener) {
		t.Error("a new socket refuses descriptors")
	}
	passing.Refuse(listener)
	at, err := unix.Getsockname(listener)
	if err != nil {
		t.Fatal(err)
	}
	client := socket(t)
	defer unix.Close(client)
	if err := unix.Connect(client, at); err != nil {
		t.Fatal(err)
	}
	accepted, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(accepted)
	err = unix.Sendmsg(client, []byte("text"), unix.UnixRights(0), nil, 0)
	if may := passing.MayCome(accepted); may == errors.Is(err, unix.EPERM) {
		t.Errorf("they may come: %v; sendmsg: %v", may, err)
	}
}

// A signal that arrives while accept4(2) waits is no error. Of a socket with a time limit the kernel does not restart the call.
func TestAcceptDuringSignals(t *testing.T) {
	listener := listen(t)
	if err := unix.SetsockoptTimeval(listener, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 300}); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(listener)
	if err != nil {
		t.Fatal(err)
	}
	thread, accepted := make(chan int), make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		thread <- unix.Gettid()
		fd, _, err := passing.Accept(listener, unix.SOCK_CLOEXEC)
		unix.Close(fd)
		accepted <- err
	}()
	tid := <-thread
	waits := func() bool {
		name, _ := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/syscall", tid))
		return strings.HasPrefix(string(name), fmt.Sprint(unix.SYS_ACCEPT4)+" ")
	}
	for range 100 {
		for !waits() {
			select {
			case err := <-accepted:
				t.Fatal("it does not wait any more:", err)
			case <-time.After(time.Millisecond):
			}
		}
		if err := unix.Tgkill(os.Getpid(), tid, unix.SIGURG); err != nil { // which the Go runtime uses itself
			t.Fatal(err)
		}
	}
	client := socket(t)
	if err := unix.Connect(client, at); err != nil {
		t.Fatal(err)
	}
	if err := <-accepted; err != nil {
		t.Error(err)
	}
}
