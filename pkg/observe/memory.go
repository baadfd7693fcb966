//go:build linux

package observe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// maxEnviron bounds an environment, in bytes: execve(2) allows no more. A process can
// point its environment at any part of its memory afterwards, prctl(2) PR_SET_MM.
const maxEnviron = 6 << 20

// memoryWithin is how long one process may take to show its memory. It takes microseconds.
const memoryWithin = 2 * time.Second

// errMemoryHeld says that something holds a process's memory.
var errMemoryHeld = errors.New("its memory is locked, by a file system that does not answer or a debugger")

// readMemory reads a file of /proc/PID that the kernel copies out of the process's
// memory, cmdline or environ, whole. More than limit bytes are an error.
//
// The kernel takes the lock of the process's memory for it. A process can hold that lock
// as long as it likes: it maps a file of a FUSE server of its own, which doesn't answer.
// Only a signal that ends us ends such a wait, so it is left to a thread of its own.
func (p *Process) readMemory(name string, limit int) (string, error) {
	text, more, err := p.readMemoryWithin(name, limit, memoryWithin)
	if err == nil && more {
		err = fmt.Errorf("%s: it is larger than %d bytes", p.path(name), limit)
	}
	return string(text), err
}

// readMemoryWithin reads the first limit bytes, and tells whether there are more. After
// the time given it fails with errMemoryHeld and leaves the thread that reads behind.
func (p *Process) readMemoryWithin(name string, limit int, within time.Duration) (text []byte, more bool, err error) {
	// The thread that stays behind must not find another file in place of ours.
	dir, err := unix.FcntlInt(p.dir.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, false, err
	}
	type answer struct {
		text []byte
		err  error
	}
	answers := make(chan answer, 2)
	path := p.path(name)
	go func() {
		defer unix.Close(dir)
		fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			answers <- answer{nil, &os.PathError{Op: "open", Path: path, Err: err}}
			return
		}
		f := os.NewFile(uintptr(fd), path)
		defer f.Close()
		text, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
		answers <- answer{text, err}
	}()
	// Not time.NewTimer: its channel makes the helper larger by 60 KB.
	late := time.AfterFunc(within, func() { answers <- answer{nil, fmt.Errorf("read %s: %w", path, errMemoryHeld)} })
	defer late.Stop()
	a := <-answers
	return a.text[:min(len(a.text), limit)], len(a.text) > limit, a.err
}
