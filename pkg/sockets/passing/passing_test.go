//go:build linux

package passing_test

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing"
)

// At the limit of open files a message arrives, with as many descriptors as there is room for, and later ones as well.
func TestLimitOfOpenFiles(t *testing.T) {
	a, b, err := passing.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	var sent []int
	for range 5 {
		fd, err := unix.Dup(int(os.Stderr.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, fd)
	}
	buf := make([]byte, passing.MaxMessage)
	for _, room := range []int{2, 0, 5} {
		if err := passing.Send(a, []byte("text"), sent); err != nil {
			t.Fatal(err)
		}
		n, fds, err := withRoom(t, room, func() (int, []int, error) { return passing.Receive(b, buf) })
		if string(buf[:n]) != "text" || len(fds) != room || errors.Is(err, passing.ErrNoFiles) != (room < len(sent)) || errors.Is(err, unix.EMFILE) != (room < len(sent)) {
			t.Errorf("room for %d: %q, %d descriptors, %v", room, buf[:n], len(fds), err)
		}
		for _, fd := range fds {
			unix.Close(fd)
		}
	}
	for _, fd := range sent {
		unix.Close(fd)
	}
}

// withRoom calls receive while this process can open room more files.
func withRoom(t *testing.T, room int, receive func() (int, []int, error)) (int, []int, error) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	free := make([]int, 0, room)
	for range room { // the lowest ones
		fd, err := unix.Dup(0)
		if err != nil {
			t.Fatal(err)
		}
		free = append(free, fd)
	}
	next, err := unix.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(next)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(next), Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &before) }()
	for _, fd := range free {
		unix.Close(fd)
	}
	return receive()
}
