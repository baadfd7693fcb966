//go:build linux

package join

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// Sockets can be asked for while the thread ends, and afterwards.
func TestSocketsWhileTheThreadEnds(t *testing.T) {
	for range 100 {
		s, err := StartSockets(&plan.Plan{Steps: []plan.Step{{Op: plan.OpSockets}}}, Held{})
		if err != nil {
			t.Fatal(err)
		}
		var asking sync.WaitGroup
		for range 4 {
			asking.Go(func() {
				for {
					fds, err := s.Make(unix.AF_INET, unix.SOCK_STREAM, 0, 2)
					if errors.Is(err, unix.ESHUTDOWN) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					closeAll(fds)
				}
			})
		}
		s.Close()
		asking.Wait()
	}
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// As many sockets are made as there may be. Without any there is an error.
func TestSocketsAtTheLimit(t *testing.T) {
	s, err := StartSockets(&plan.Plan{Steps: []plan.Step{{Op: plan.OpSockets}}}, Held{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const all, some = 64, 3
	fds, err := s.Make(unix.AF_INET, unix.SOCK_STREAM, 0, all)
	if err != nil || len(fds) != all {
		t.Fatalf("%d sockets, %v", len(fds), err)
	}
	for _, fd := range fds {
		typ, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
		flags, failed := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || failed != nil || typ != unix.SOCK_STREAM || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("type %d, %v; flags %#x, %v", typ, err, flags, failed)
		}
	}
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	// The numbers from the first one that is free are free, up to the limit.
	slices.Sort(fds)
	for _, fd := range fds[:some] {
		unix.Close(fd)
	}
	rest := fds[some:]
	defer func() { closeAll(rest) }()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(rest[0]), Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	made, err := s.Make(unix.AF_INET, unix.SOCK_STREAM, 0, all)
	none, failed := s.Make(unix.AF_INET, unix.SOCK_STREAM, 0, all)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	closeAll(made)
	if len(made) < some || len(made) >= all || err != nil {
		t.Errorf("%d sockets where there is room for %d, %v", len(made), some, err)
	}
	if len(none) > 0 || !errors.Is(failed, unix.EMFILE) {
		t.Errorf("%d sockets where there is room for none, %v", len(none), failed)
	}
}
