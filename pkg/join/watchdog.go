//go:build linux

package join

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
)

// Name is the name of the helper's processes in ps.
const Name = "docker-nsjoin"

// ForkWatchdog forks a process that does nothing until alive, a pipe or socket, hangs up because no process
// has its other end open any more. Then it executes the helper again, with args and an empty environment. alive
// is its standard input. It leads a session of its own, in the directory /.
//
// It costs a fork, not the start of a program. The caller ends it and waits for it.
func ForkWatchdog(args []string, alive, stdout, stderr *os.File) (pid int, err error) {
	return forkSelf(args, nil, [3]*os.File{alive, stdout, stderr}, func(c *compiler) error {
		err := c.enter(call, "/", leftNothing)
		c.untilHangup(0)
		return err
	})
}

// ForkHelper forks a process that executes the helper again, with args and the environment of this process. It has the
// three files as standard streams, no other descriptor, and leads a session of its own. Its bounding set has no capability
// that is not in capabilities, bit N for number N. The caller waits for it.
func ForkHelper(args []string, capabilities uint64, stdio [3]*os.File) (pid int, err error) {
	return forkSelf(args, os.Environ(), stdio, func(c *compiler) error {
		for number := range uintptr(64) {
			has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, number, 0, 0, 0)
			if err != nil {
				break // the kernel has no more
			}
			if has != 0 && capabilities&(1<<number) == 0 {
				c.call(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, number)
			}
		}
		return nil
	})
}

// forkSelf forks a process that executes the helper again, after what before compiles.
func forkSelf(args, env []string, stdio [3]*os.File, before func(*compiler) error) (pid int, err error) {
	last, err := lastDescriptor()
	if err != nil {
		return 0, err
	}
	p := &program{lastFD: last, visible: true} // it reports nothing
	c := &compiler{prog: p, step: -1}
	c.call(unix.SYS_SETSID)
	if err := c.setName(); err != nil {
		return 0, err
	}
	for fd := len(stdio) - 1; fd >= 0; fd-- { // 0 last, since standard output may be that descriptor
		if stdio[fd] != nil {
			c.place(stdio[fd], uintptr(fd))
		}
	}
	c.add(closeRange, 0, 3, maxFD)
	if err := before(c); err != nil {
		return 0, err
	}
	c.add(execute, 0)
	if err := c.executes([]string{"/proc/self/exe"}, args, env); err != nil {
		return 0, err
	}
	pid, errno := fork(p)
	runtime.KeepAlive(p)
	if errno != 0 {
		return 0, kernel.ForkHint(fmt.Errorf("fork: %w", errno))
	}
	return pid, nil
}

// place duplicates a file to descriptor fd, which stays open across the exec.
func (c *compiler) place(f *os.File, fd uintptr) {
	if f.Fd() == fd {
		c.call(unix.SYS_FCNTL, fd, unix.F_SETFD, 0)
		return
	}
	c.call(unix.SYS_DUP3, f.Fd(), fd, 0)
}
