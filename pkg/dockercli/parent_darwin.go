package dockercli

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Parent is the process that started the plugin: the Docker CLI. It is nil for a program of its own, which goes
// on when its parent ends, as every command does.
type Parent struct{ pid int }

// FindParent finds the parent process. Call it first in main.
func FindParent() *Parent { return &Parent{pid: os.Getppid()} }

// Gone reports whether the parent has ended: the plugin is another process's child then.
func (p *Parent) Gone() bool { return p != nil && os.Getppid() != p.pid }

// wait waits for the parent's end by kqueue(2). It fails where that cannot be waited for.
func (p *Parent) wait() error {
	queue, err := unix.Kqueue()
	if err != nil {
		return err
	}
	defer unix.Close(queue)
	exits := []unix.Kevent_t{{Ident: uint64(p.pid), Filter: unix.EVFILT_PROC, Flags: unix.EV_ADD | unix.EV_ONESHOT, Fflags: unix.NOTE_EXIT}}
	if _, err := unix.Kevent(queue, exits, nil, nil); err != nil {
		if p.Gone() {
			return nil
		}
		return err
	}
	for !p.Gone() {
		// The pid was the parent's when it was registered, since it still is.
		if _, err := unix.Kevent(queue, nil, make([]unix.Kevent_t, 1), nil); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
	return nil
}
