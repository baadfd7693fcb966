//go:build linux

package join

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
)

// Name is what the helper's processes are called in ps.
const Name = "docker-nsjoin"

// Standby forks a process that does nothing until the last writer of the pipe
// alive has closed it. Then it executes the helper again, with args and no
// environment; alive is its standard input, stdout and stderr the rest. It is in
// a session of its own, and keeps no directory busy.
//
// It costs a fork, not the start of a program. The caller ends it and waits for it.
func Standby(args []string, alive, stdout, stderr *os.File) (pid int, err error) {
	last, err := lastDescriptor()
	if err != nil {
		return 0, err
	}
	p := &program{lastFD: last, seen: true} // it has nothing to tell
	c := &compiler{prog: p, step: -1}
	c.call(unix.SYS_SETSID)
	name, err := c.text(Name) // which this thread may not have
	if err != nil {
		return 0, err
	}
	c.call(unix.SYS_PRCTL, unix.PR_SET_NAME, name)
	if err := c.enter(call, "/", leftNothing); err != nil {
		return 0, err
	}
	for fd, f := range []*os.File{1: stdout, 2: stderr} {
		if f != nil {
			c.place(f, uintptr(fd))
		}
	}
	c.place(alive, 0) // after those, since stdout may be the old one
	c.add(closeRange, 0, 3, maxFD)
	c.untilHangup(0)
	c.add(execute, 0)
	if err := c.executes([]string{"/proc/self/exe"}, args, nil); err != nil {
		return 0, err
	}
	pid, errno := fork(p)
	runtime.KeepAlive(p)
	if errno != 0 {
		return 0, kernel.Crowded(fmt.Errorf("fork: %w", errno))
	}
	return pid, nil
}

// place makes a file the descriptor fd, which the program that is executed has.
func (c *compiler) place(f *os.File, fd uintptr) {
	if f.Fd() == fd {
		c.call(unix.SYS_FCNTL, fd, unix.F_SETFD, 0)
		return
	}
	c.call(unix.SYS_DUP3, f.Fd(), fd, 0)
}
