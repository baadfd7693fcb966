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

// maxEnviron limits an environment, in bytes: execve(2) allows no more. A process can later point its
// environment at any part of its memory, prctl(2) PR_SET_MM.
const maxEnviron = 6 << 20

// memoryTimeout is how long reading a process's memory may take. It normally takes microseconds, and on a busy machine
// much longer: what is not read by then is taken for locked.
const memoryTimeout = 10 * time.Second

// errMemoryLocked says that something holds the lock of a process's memory.
var errMemoryLocked = errors.New("its memory is locked by a debugger or by a file system that does not answer")

// readMemory reads a whole file of /proc/PID that the kernel copies from the process's memory: cmdline or
// environ. More than limit bytes are an error.
//
// The kernel locks the process's memory to read it. A process can hold that lock for as long as it likes: it
// maps a file of its own FUSE server, which does not answer. Only a fatal signal interrupts such a wait, so a
// separate thread reads.
func (p *Process) readMemory(name string, limit int) (string, error) {
	text, more, err := p.readMemoryWithin(name, limit, memoryTimeout)
	if err == nil && more {
		err = fmt.Errorf("%s: larger than %d bytes", p.path(name), limit)
	}
	return string(text), err
}

// readMemoryWithin reads the first limit bytes and reports whether there are more. After timeout it fails with
// errMemoryLocked and leaves the reading thread behind.
func (p *Process) readMemoryWithin(name string, limit int, timeout time.Duration) (text []byte, more bool, err error) {
	// A thread that stays behind needs a descriptor that is not closed and reused.
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
	// time.NewTimer, with its channel, makes the helper 60 KB larger.
	late := time.AfterFunc(timeout, func() { answers <- answer{nil, fmt.Errorf("read %s: %w", path, errMemoryLocked)} })
	defer late.Stop()
	a := <-answers
	return a.text[:min(len(a.text), limit)], len(a.text) > limit, a.err
}
