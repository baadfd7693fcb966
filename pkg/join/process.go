//go:build linux

package join

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// process is a child of ours that nobody has waited for yet. Until reap its number is
// its own, too: the kernel gives it to no other process.
type process struct {
	pid   int
	pidfd *os.File
}

// hold opens a pidfd of a process and proves that it is a child of ours. No other one
// is signalled, mapped, moved or looked at.
func hold(pid int) (*process, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("hold process %d: %w", pid, err)
	}
	p := &process{pid: pid, pidfd: os.NewFile(uintptr(fd), "pidfd")}
	if _, _, err := p.wait(unix.WNOWAIT); err != nil {
		p.pidfd.Close()
		return nil, fmt.Errorf("hold process %d, which is no child of ours: %w", pid, err)
	}
	return p, nil
}

// wait is waitid(2) for its end, which never waits: told says that it has come and is told.
func (p *process) wait(options int) (status unix.WaitStatus, told bool, err error) {
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_PIDFD, int(p.pidfd.Fd()), &info, options|unix.WNOHANG|unix.WEXITED|unix.WALL, nil)
		if !errors.Is(err, unix.EINTR) {
			return statusOf(&info), info.Signo != 0, err
		}
	}
}

// status waits for its end and tells how it ended. The end is that of the pidfd: the kernel
// tells waitid(2) of no process that another one traces before the tracer knows, and a tracer in the
// container may never ask.
func (p *process) status() (unix.WaitStatus, error) {
	for over := false; !over; {
		over = p.ends(time.Hour)
	}
	status, told, err := p.wait(unix.WNOWAIT)
	if told || err != nil {
		return status, err
	}
	dir, err := p.proc()
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	status, err = procfs.ReadExitStatusAt(int(dir.Fd()))
	if err != nil {
		err = fmt.Errorf("process %d, which another one traces: %w", p.pid, err)
	}
	return status, err
}

// ends waits for its end for as long as limit, and tells whether it came.
func (p *process) ends(limit time.Duration) bool {
	fds := []unix.PollFd{{Fd: int32(p.pidfd.Fd()), Events: unix.POLLIN}}
	for deadline := time.Now().Add(limit); ; {
		n, err := unix.Poll(fds, int(max(0, time.Until(deadline)).Milliseconds()))
		if !errors.Is(err, unix.EINTR) {
			return n > 0
		}
	}
}

// end ends a child, whatever it does. One that is frozen in a cgroup of v1 can't even be
// killed: takeBack, if not nil, takes it out of that. A nil one is none.
func (p *process) end(takeBack func(pid int) error) {
	if p == nil {
		return
	}
	_ = unix.PidfdSendSignal(int(p.pidfd.Fd()), unix.SIGKILL, nil, 0)
	if !p.ends(moment/10) && takeBack != nil {
		_ = takeBack(p.pid)
		p.ends(moment)
	}
	p.reap()
}

// reap takes notice of its end, if that has come, and lets go of it. A nil one is none.
func (p *process) reap() {
	if p == nil {
		return
	}
	_, _, _ = p.wait(0)
	p.pidfd.Close()
}

// proc opens its directory in /proc, for what is read and written from outside.
func (p *process) proc() (*os.File, error) {
	name := fmt.Sprintf("/proc/%d", p.pid)
	fd, err := unix.Open(name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	dir := os.NewFile(uintptr(fd), name)
	if _, _, err := p.wait(unix.WNOWAIT); err != nil {
		dir.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return dir, nil
}
