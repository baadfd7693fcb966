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

// process is a child of ours that nobody has waited for. Until reap the kernel gives its number to no
// other process.
type process struct {
	pid   int
	pidfd *os.File
}

// openChild opens a pidfd of a process and proves that it is a child of ours. No other process is
// signalled, mapped, moved or read.
func openChild(pid int) (*process, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("open process %d: %w", pid, err)
	}
	p := &process{pid: pid, pidfd: os.NewFile(uintptr(fd), "pidfd")}
	if _, _, err := p.wait(unix.WNOWAIT); err != nil {
		p.pidfd.Close()
		return nil, fmt.Errorf("open process %d, which is no child of ours: %w", pid, err)
	}
	return p, nil
}

// wait calls waitid(2) for its end, without blocking: told says whether the kernel has told of the end.
func (p *process) wait(options int) (status unix.WaitStatus, told bool, err error) {
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_PIDFD, int(p.pidfd.Fd()), &info, options|unix.WNOHANG|unix.WEXITED|unix.WALL, nil)
		if !errors.Is(err, unix.EINTR) {
			return statusOf(&info), info.Signo != 0, err
		}
	}
}

// status waits for its end and returns its wait status. It waits by the pidfd: while another process
// traces it, waitid(2) doesn't report the end before the tracer has waited for it, and a tracer in the
// container may never do.
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

// ends waits for its end, no longer than limit, and tells whether it has ended.
func (p *process) ends(limit time.Duration) bool {
	fds := []unix.PollFd{{Fd: int32(p.pidfd.Fd()), Events: unix.POLLIN}}
	for deadline := time.Now().Add(limit); ; {
		n, err := unix.Poll(fds, int(max(0, time.Until(deadline)).Milliseconds()))
		if !errors.Is(err, unix.EINTR) {
			return n > 0
		}
	}
}

// end kills the child and reaps it. A child that is frozen in a cgroup of v1 can't be killed: takeBack,
// if not nil, moves it out of that. A nil process is none.
func (p *process) end(takeBack func(pid int) error) {
	if p == nil {
		return
	}
	_ = unix.PidfdSendSignal(int(p.pidfd.Fd()), unix.SIGKILL, nil, 0)
	if !p.ends(grace/10) && takeBack != nil {
		_ = takeBack(p.pid)
		p.ends(grace)
	}
	p.reap()
}

// reap waits for its end, if it has ended, and closes the pidfd. A nil process is none.
func (p *process) reap() {
	if p == nil {
		return
	}
	_, _, _ = p.wait(0)
	p.pidfd.Close()
}

// proc opens its directory in /proc.
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
