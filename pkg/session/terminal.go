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
)

// Terminals tells whether the caller's standard input and output are terminals.
func Terminals() (input, output bool) {
	return term.IsTerminal(int(os.Stdin.Fd())), term.IsTerminal(int(os.Stdout.Fd()))
}

// openTerminal makes the command's terminal, of the size of the caller's.
func (s *Session) openTerminal(root *os.File, owner int64) error {
	if s.remote == nil {
		// In the background this stops us. Later a container could not end until we
		// go on, since a process of its is our child.
		if now, err := unix.IoctlGetTermios(int(os.Stdin.Fd()), unix.TCGETS); err == nil {
			_ = unix.IoctlSetTermios(int(os.Stdin.Fd()), unix.TCSETSW, now)
		}
	}
	ours, theirs, err := openPTY(root, owner)
	if err != nil {
		return err
	}
	if s.remote != nil {
		s.remote.resize(ours)
	} else {
		resize(ours)
	}
	s.pty = ours
	s.streams = &streams{
		theirs:   [3]*os.File{theirs, theirs, theirs},
		closing:  []*os.File{theirs},
		input:    &relay{from: os.Stdin, to: ours},
		outputs:  []*relay{{from: ours, to: os.Stdout}},
		terminal: true,
	}
	return nil
}

// openPTY makes a pseudo-terminal of the devpts that is mounted beneath root,
// from outside, and gives the command's end to owner, a uid of ours, where that
// is not negative. Of another devpts it would have no name inside (moby#8755),
// and the caller's own could be typed into by the container.
func openPTY(root *os.File, owner int64) (ours, theirs *os.File, err error) {
	ours, err = openPTMX(root)
	if err != nil {
		return nil, nil, exit.Hint(fmt.Errorf("make a terminal: %w", err), "-T runs the command without a terminal")
	}
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, fmt.Errorf("unlock the terminal: %w", err)
	}
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, ours.Fd(), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		return nil, nil, fmt.Errorf("open the terminal: %w", errno)
	}
	theirs = os.NewFile(fd, "pts")
	return ours, theirs, own(theirs, owner)
}

// openPTMX opens /dev/pts/ptmx beneath root once it is sure what that is: the
// container could have put any file there.
func openPTMX(root *os.File) (*os.File, error) {
	at, err := inroot.Look(root, "/dev/pts/ptmx")
	if err != nil {
		return nil, fmt.Errorf("its /dev/pts/ptmx: %w", err)
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
		return nil, errors.New("its /dev/pts/ptmx is not one of a devpts")
	}
	return inroot.Reopen(at, unix.O_RDWR)
}

// resize gives the pseudo-terminal the size of the caller's.
func resize(pty *os.File) {
	if size, err := unix.IoctlGetWinsize(int(os.Stdin.Fd()), unix.TIOCGWINSZ); err == nil {
		_ = unix.IoctlSetWinsize(int(pty.Fd()), unix.TIOCSWINSZ, size)
	}
}

// takeTerminal makes the caller's terminal raw, and has the command's follow
// its size, until the session ends.
func (s *Session) takeTerminal(before *unix.Termios) error {
	fd := int(os.Stdin.Fd())
	if _, err := term.MakeRaw(fd); err != nil {
		return fmt.Errorf("the caller's terminal: %w", err)
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
	s.restore = func() {
		signal.Stop(changes)
		close(changes)
		<-ended
		_ = unix.IoctlSetTermios(fd, unix.TCSETSW, before)
	}
	return nil
}
