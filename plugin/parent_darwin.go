package main

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// parent is the process that started us, the Docker CLI.
type parent struct{ pid int }

func newParent() parent { return parent{pid: os.Getppid()} }

// gone tells whether the parent has ended, which makes us another's child.
func (p parent) gone() bool { return os.Getppid() != p.pid }

// wait waits for the parent's end, kqueue(2). It fails where that can't be waited for.
func (p parent) wait() error {
	queue, err := unix.Kqueue()
	if err != nil {
		return err
	}
	defer unix.Close(queue)
	exits := []unix.Kevent_t{{Ident: uint64(p.pid), Filter: unix.EVFILT_PROC, Flags: unix.EV_ADD | unix.EV_ONESHOT, Fflags: unix.NOTE_EXIT}}
	if _, err := unix.Kevent(queue, exits, nil, nil); err != nil {
		if p.gone() {
			return nil
		}
		return err
	}
	for !p.gone() {
		// The number was the parent's when it was registered, since it still is.
		if _, err := unix.Kevent(queue, nil, make([]unix.Kevent_t, 1), nil); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
	return nil
}
