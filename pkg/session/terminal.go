//go:build linux

package session

import (
	"errors"
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// openTerminal makes the command's terminal, with the size of the caller's.
func (s *Session) openTerminal(p *plan.Plan, root *os.File, null nullDevice, owner int64) error {
	if s.raw {
		// In the background this stops the helper, now rather than later: a container can't end
		// while the parent of one of its processes is stopped.
		if now, err := unix.IoctlGetTermios(int(os.Stdin.Fd()), unix.TCGETS); err == nil {
			_ = unix.IoctlSetTermios(int(os.Stdin.Fd()), unix.TCSETSW, now)
		}
	}
	pty, tty, err := openPTY(root, owner)
	if err != nil {
		return err
	}
	if s.remote != nil {
		s.remote.resize(pty)
	} else {
		resize(pty)
	}
	s.pty = pty
	s.streams = &streams{command: [3]*os.File{tty, tty, tty}, closeAtStart: []*os.File{tty}, terminal: true, linger: linger}
	if p.Detach {
		return nil
	}
	if p.Input {
		s.streams.input = &input{from: 0, to: pty, done: make(chan struct{})}
	}
	s.streams.outputs = []*output{{stream: 1, from: pty, to: s.remote.writer(1), signal: func(sig unix.Signal) { s.signals.forward(sig) }}}
	if p.SeparateErrors {
		return s.streams.makeOutput(2, null, owner, s.remote)
	}
	return nil
}

// openPTY opens a pseudo-terminal of the devpts that is mounted below root, from outside. It
// gives the command's end to the uid owner, unless that is negative. A pseudo-terminal of
// another devpts would have no name inside (moby#8755), and the container could type into the
// caller's own.
func openPTY(root *os.File, owner int64) (pty, tty *os.File, err error) {
	pty, err = openPTMX(root)
	if err != nil {
		return nil, nil, exit.Hint(fmt.Errorf("make a terminal: %w", err), "use -T to run the command without a terminal")
	}
	if err := unix.IoctlSetPointerInt(int(pty.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, fmt.Errorf("unlock the terminal: %w", err)
	}
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, pty.Fd(), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		return nil, nil, fmt.Errorf("open the terminal: %w", errno)
	}
	tty = os.NewFile(fd, "pts")
	return pty, tty, chown(tty, owner)
}

// openPTMX opens /dev/pts/ptmx below root, after checking that it is a devpts multiplexer: the
// container could have put any file there.
func openPTMX(root *os.File) (*os.File, error) {
	at, err := inroot.OpenPath(root, "/dev/pts/ptmx")
	if err != nil {
		return nil, fmt.Errorf("/dev/pts/ptmx in the container: %w", err)
	}
	defer at.Close()
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(at.Fd()), &fs); err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(at.Fd()), &st); err != nil {
		return nil, err
	}
	if fs.Type != unix.DEVPTS_SUPER_MAGIC || st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != unix.Mkdev(5, 2) {
		return nil, errors.New("/dev/pts/ptmx in the container is not a devpts multiplexer")
	}
	return inroot.Reopen(at, unix.O_RDWR)
}

// resize gives the pseudo-terminal the size of the first terminal among the caller's streams.
func resize(pty *os.File) {
	for _, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
			setSize(pty, size.Row, size.Col)
			return
		}
	}
}

// followTerminal makes the caller's terminal raw, unless before is nil, and resizes the command's
// terminal with the caller's until the session ends. before is the state to restore.
func (s *Session) followTerminal(before *unix.Termios) error {
	fd := int(os.Stdin.Fd())
	if before != nil {
		if _, err := term.MakeRaw(fd); err != nil {
			return fmt.Errorf("make the terminal raw: %w", err)
		}
	}
	changes := make(chan os.Signal, 1)
	signal.Notify(changes, unix.SIGWINCH)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range changes {
			resize(s.pty)
		}
	}()
	resize(s.pty)
	s.restoreTerminal = func() {
		signal.Stop(changes)
		close(changes)
		<-ended
		if before != nil {
			_ = unix.IoctlSetTermios(fd, unix.TCSETSW, before)
		}
	}
	return nil
}
