//go:build unix

package detach

import (
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// apart puts a process into a session of its own, without a terminal.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// outlive lets the process outlive a login, and the first process: what is written to one that was killed does not end this
// one before it has removed what it has made.
func outlive() {
	signal.Ignore(syscall.SIGHUP)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // an ignored one would be ignored by its children, too
}

// closeInherited closes what the caller has open beside the standard streams: the lock of a script, say, would be held as
// long as this process goes on. What this process has opened itself is close-on-exec.
func closeInherited() {
	const streams = 3
	dir, err := os.Open("/dev/fd")
	if err != nil {
		return
	}
	names, _ := dir.Readdirnames(-1)
	dir.Close()
	syscall.ForkLock.Lock() // some systems make a descriptor before they mark it
	defer syscall.ForkLock.Unlock()
	for _, name := range names {
		fd, err := strconv.Atoi(name)
		if err != nil || fd < streams {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(fd)
		}
	}
}

// end has a process end by itself.
func end(p *os.Process) { _ = p.Signal(syscall.SIGTERM) }

// dropOutput replaces standard input and output by the null device.
func dropOutput() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	for fd := range 2 {
		if err := replace(int(null.Fd()), fd); err != nil {
			return os.NewSyscallError("dup", err)
		}
	}
	return nil
}
