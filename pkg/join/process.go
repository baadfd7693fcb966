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

// process is a child of ours that has not been waited for. Until reap, the kernel does not give its number
// to another process.
type process struct {
	pid   int
	pidfd *os.File
}

// openChild opens a pidfd of a process and proves that it is a child of ours, so that no other process is
// ever signalled, mapped, moved or read.
func openChild(pid int) (*process, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("open process %d: %w", pid, err)
	}
	p := &process{pid: pid, pidfd: os.NewFile(uintptr(fd), "pidfd")}
	if _, _, err := p.wait(unix.WNOWAIT); err != nil {
		p.pidfd.Close()
		return nil, fmt.Errorf("open process %d, which is not a child of docker nsjoin: %w", pid, err)
	}
	return p, nil
}

// wait calls waitid(2) for its end, without blocking. told says whether the kernel reported the end.
func (p *process) wait(options int) (status unix.WaitStatus, told bool, err error) {
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_PIDFD, int(p.pidfd.Fd()), &info, options|unix.WNOHANG|unix.WEXITED|unix.WALL, nil)
		if !errors.Is(err, unix.EINTR) {
			return statusOf(&info), info.Signo != 0, err
		}
	}
}

// status waits for its end and returns its wait status. It waits by the pidfd: if another process traces
// the child, waitid(2) doesn't report the end until that process has waited for it, which a tracer in the
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
		err = fmt.Errorf("process %d, which another process traces: %w", p.pid, err)
	}
	return status, err
}

// ends waits for its end, no longer than limit, and reports whether it has ended.
func (p *process) ends(limit time.Duration) bool {
	fds := []unix.PollFd{{Fd: int32(p.pidfd.Fd()), Events: unix.POLLIN}}
	for deadline := time.Now().Add(limit); ; {
		n, err := unix.Poll(fds, int(max(0, time.Until(deadline)).Milliseconds()))
		if !errors.Is(err, unix.EINTR) {
			return n > 0
		}
	}
}

// end kills the child and reaps it; on a busy machine that takes a moment. A child that is frozen by cgroup v1 can't be
// killed: takeBack, if not nil, moves it out of that cgroup. On a nil process, end does nothing.
func (p *process) end(takeBack func(pid int) error) {
	if p == nil {
		return
	}
	_ = unix.PidfdSendSignal(int(p.pidfd.Fd()), unix.SIGKILL, nil, 0)
	if !p.ends(grace / 10) {
		if takeBack != nil {
			_ = takeBack(p.pid)
		}
		p.ends(grace)
	}
	p.reap()
}

// reap reaps the child if it has ended, and closes the pidfd. On a nil process, it does nothing.
func (p *process) reap() {
	if p == nil {
		return
	}
	_, _, _ = p.wait(0)
	p.pidfd.Close()
}

// proc opens the child's directory in /proc.
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

// ids returns its effective uid and gid.
func (p *process) ids() (uid, gid int, err error) {
	dir, err := p.proc()
	if err != nil {
		return 0, 0, err
	}
	defer dir.Close()
	status, err := procfs.ReadStatus(dir)
	if err != nil {
		return 0, 0, err
	}
	uids, err := status.IDs("Uid")
	if err != nil {
		return 0, 0, err
	}
	gids, err := status.IDs("Gid")
	if err != nil {
		return 0, 0, err
	}
	if len(uids) < 2 || len(gids) < 2 {
		return 0, 0, errors.New("the process's status has no uid and gid")
	}
	return int(uids[1]), int(gids[1]), nil
}
