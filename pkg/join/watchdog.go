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
	last, err := lastDescriptor()
	if err != nil {
		return 0, err
	}
	p := &program{lastFD: last, visible: true} // it reports nothing
	c := &compiler{prog: p, step: -1}
	c.call(unix.SYS_SETSID)
	name, err := c.text(Name) // this thread may have another name
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
	c.place(alive, 0) // last, since stdout may be descriptor 0
	c.add(closeRange, 0, 3, maxFD)
	c.untilHangup(0)
	c.add(execute, 0)
	if err := c.executes([]string{"/proc/self/exe"}, args, nil); err != nil {
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
