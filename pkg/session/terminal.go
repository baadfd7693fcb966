//go:build linux

package session

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// CallerStreams tells what the caller's standard streams are, of one who is here.
func CallerStreams() request.Streams {
	group, err := unix.IoctlGetUint32(0, unix.TIOCGPGRP) // fails where it isn't our controlling terminal
	return request.Streams{
		InputTerminal:  term.IsTerminal(0),
		OutputTerminal: term.IsTerminal(1),
		ErrorsTerminal: term.IsTerminal(2) && sameTerminal(1, 2),
		Foreground:     err == nil && int(group) == unix.Getpgrp(),
	}
}

// InputWaits tells whether something can be read from the caller's standard input, a file or a
// pipe, without reading it.
func InputWaits() bool {
	var st unix.Stat_t
	if unix.Fstat(0, &st) != nil {
		return false
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		at, err := unix.Seek(0, 0, io.SeekCurrent)
		return err == nil && at < st.Size
	case unix.S_IFIFO:
		return waiting(os.Stdin) > 0
	}
	return false
}

// sameTerminal tells whether two descriptors are of one terminal, of which one may be open
// as /dev/tty.
func sameTerminal(a, b int) bool {
	var x, y unix.Stat_t
	if unix.Fstat(a, &x) != nil || unix.Fstat(b, &y) != nil {
		return false
	}
	return x.Rdev == y.Rdev || y.Rdev == unix.Mkdev(5, 0)
}

// openTerminal makes the command's terminal, of the size of the caller's.
func (s *Session) openTerminal(p *plan.Plan, root *os.File, null nullDevice, owner int64) error {
	if s.raw {
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
	s.streams = &streams{theirs: [3]*os.File{theirs, theirs, theirs}, closing: []*os.File{theirs}, terminal: true, linger: linger}
	if p.Detach {
		return nil
	}
	if p.Input {
		s.streams.input = &input{from: 0, to: ours, done: make(chan struct{})}
	}
	s.streams.outputs = []*output{{of: 1, from: ours, to: s.remote.writer(1), end: func(sig unix.Signal) { s.signals.give(sig) }}}
	if p.SeparateErrors {
		return s.streams.giveOutput(2, null, owner, s.remote)
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
	at, err := inroot.OpenPath(root, "/dev/pts/ptmx")
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

// resize gives the pseudo-terminal the size of the caller's, if one of its streams is one.
func resize(pty *os.File) {
	for _, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
			setSize(pty, size.Row, size.Col)
			return
		}
	}
}

// takeTerminal makes the caller's terminal raw, where before is how it was, and has the
// command's follow its size, until the session ends.
func (s *Session) takeTerminal(before *unix.Termios) error {
	fd := int(os.Stdin.Fd())
	if before != nil {
		if _, err := term.MakeRaw(fd); err != nil {
			return fmt.Errorf("the caller's terminal: %w", err)
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
	s.restore = func() {
		signal.Stop(changes)
		close(changes)
		<-ended
		if before != nil {
			_ = unix.IoctlSetTermios(fd, unix.TCSETSW, before)
		}
	}
	return nil
}
