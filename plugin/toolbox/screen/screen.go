// Package screen is the terminal of the tools that fill it. It knows the sequences that all terminals of today have, since a
// container may have no terminfo, and sends only what changes, for slow terminals.
package screen

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Options say how a tool uses the terminal.
type Options struct {
	// Input is a descriptor of the terminal that keys are read from.
	Input int
	// AllKeys makes keys of ^C and ^Z, too. Otherwise they are signals for all processes of the tool's job.
	AllKeys bool
	// Stay leaves the tool's text on the screen when it ends.
	Stay bool
	// Paste says that Paste and PasteEnd are around pasted text.
	Paste bool
}

// Screen is a terminal that a tool fills.
type Screen struct {
	Rows, Columns int

	o       Options
	old     unix.Termios
	in      *bufio.Reader
	waits   func() bool // reports whether the input has more within a moment
	ask     chan bool
	asked   bool
	keys    chan Key
	signals chan os.Signal

	shown         []Line // what the screen has; nil: unknown
	row, column   int    // of the cursor
	scrolled, dim bool
	lent          bool // the screen shows what a program has left there
}

// Open takes the terminal, which is standard output, too. The caller has to call Close.
func Open(o Options) (*Screen, error) {
	s := &Screen{o: o, ask: make(chan bool, 1), keys: make(chan Key, 1), signals: make(chan os.Signal, 16)}
	old, err := unix.IoctlGetTermios(o.Input, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	s.old = *old
	tool.Attended = true
	file := os.Stdin
	if o.Input != 0 {
		file = os.NewFile(uintptr(o.Input), "terminal")
	}
	s.in = bufio.NewReader(file)
	s.waits = func() bool { return inputWaits(o.Input) }
	signal.Notify(s.signals, unix.SIGWINCH, unix.SIGHUP, unix.SIGTERM, unix.SIGINT, unix.SIGTSTP, unix.SIGCONT, unix.SIGQUIT)
	if err := s.enter(); err != nil {
		return nil, err
	}
	go func() {
		for range s.ask {
			s.keys <- s.read()
		}
	}()
	return s, nil
}

// inputWaits waits up to 50 ms for input.
func inputWaits(fd int) bool {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 50)
		if !errors.Is(err, unix.EINTR) {
			return n > 0 && err == nil
		}
	}
}

// enter sets the terminal's mode, and takes the other screen.
func (s *Screen) enter() error {
	mode := s.old
	mode.Iflag &^= unix.ICRNL | unix.INLCR | unix.IGNCR | unix.IXON | unix.ISTRIP | unix.BRKINT | unix.PARMRK
	mode.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.IEXTEN
	if s.o.AllKeys {
		mode.Lflag &^= unix.ISIG
	}
	mode.Cc[unix.VMIN], mode.Cc[unix.VTIME] = 1, 0
	mode.Cc[unix.VQUIT] = 0
	if err := unix.IoctlSetTermios(s.o.Input, unix.TCSETSW, &mode); err != nil {
		return err
	}
	s.shown = nil
	s.measure()
	if s.lent {
		return nil
	}
	start := "\x1b[?1049h"
	if s.o.Stay {
		start = ""
	}
	if s.o.Paste {
		start += "\x1b[?2004h"
	}
	_, err := tool.Stdout.Write([]byte(start))
	return err
}

// Close gives the terminal back.
func (s *Screen) Close() {
	if s.lent {
		_ = unix.IoctlSetTermios(s.o.Input, unix.TCSETSW, &s.old)
		return
	}
	end := "\x1b[?1049l"
	if s.o.Stay {
		end = s.to(s.Rows-1, 0) + "\x1b[K"
	}
	if s.o.Paste {
		end = "\x1b[?2004l" + end
	}
	if s.dim {
		end += "\x1b[?25h"
	}
	s.dim = false
	_, _ = tool.Stdout.Write([]byte(end))
	_ = unix.IoctlSetTermios(s.o.Input, unix.TCSETSW, &s.old)
}

// Again takes the terminal again after Close.
func (s *Screen) Again() { _ = s.enter() }

// Size returns the number of rows and columns.
func (s *Screen) Size() (rows, columns int) { return s.Rows, s.Columns }

// Forget makes the next Draw send everything.
func (s *Screen) Forget() { s.shown = nil }

// measure asks for the size of the terminal.
func (s *Screen) measure() { s.Rows, s.Columns = TerminalSize(s.o.Input) }

// Suspend stops the tool, as ^Z does. With all, the other processes of its job are stopped, too. Without job control, it
// returns at once.
func (s *Screen) Suspend(all bool) {
	s.Close()
	if all {
		signal.Ignore(unix.SIGTSTP)
		_ = unix.Kill(0, unix.SIGTSTP)
	}
	tool.Stop()
	signal.Notify(s.signals, unix.SIGTSTP)
	if old, err := unix.IoctlGetTermios(s.o.Input, unix.TCGETS); err == nil {
		s.old = *old
	}
	_ = s.enter()
}

// Lend gives the terminal to a program until that ends. If the program is stopped, so is the tool, and both go on together.
// The caller has to call Again.
func (s *Screen) Lend(cmd *exec.Cmd) error {
	s.Close()
	if err := cmd.Start(); err != nil {
		return err
	}
	signal.Ignore(unix.SIGINT, unix.SIGTSTP) // they are for the program, which was started before and does not ignore them
	for stopped(cmd.Process.Pid) {
		tool.Stop()
		_ = cmd.Process.Signal(unix.SIGCONT)
	}
	err := cmd.Wait()
	s.returned()
	return err
}

// Pause waits for a key, below what a program has left on the screen. ^Z stops the tool there. The caller has to call Again.
func (s *Screen) Pause() Key {
	s.lent = true
	defer func() { s.lent = false }()
	_ = s.enter()
	for {
		k := s.Next(0, nil)
		if k == Ended {
			select { // for the tool, which ends then
			case s.signals <- unix.SIGTERM:
			default:
			}
		}
		if k != Resized {
			return k
		}
	}
}

// stopped waits until a child is stopped or has ended, and reports whether it is stopped.
func stopped(pid int) bool {
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			const killed, dumped, exited = 2, 3, 1 // of <signal.h>
			if err != nil || info.Code == exited || info.Code == killed || info.Code == dumped {
				return false
			}
			break
		}
	}
	return unix.Waitid(unix.P_PID, pid, &info, unix.WSTOPPED|unix.WNOHANG, nil) == nil
}

// returned forgets the signals that were for the program that had the terminal.
func (s *Screen) returned() {
	for range len(s.signals) {
		received := <-s.signals
		if received == unix.SIGINT || received == unix.SIGTSTP || received == unix.SIGCONT {
			continue
		}
		select {
		case s.signals <- received:
		default: // it is full of others
		}
	}
	signal.Notify(s.signals, unix.SIGINT, unix.SIGTSTP)
}

// Next waits for a key, or for what else is a Key: a signal, wake, or the end of the time, unless that is 0.
func (s *Screen) Next(within time.Duration, wake <-chan struct{}) Key {
	if !s.asked {
		s.asked = true
		s.ask <- true
	}
	var timer <-chan time.Time
	if within > 0 {
		timer = time.After(within)
	}
	select { // keys that are there come first
	case k := <-s.keys:
		s.asked = false
		return k
	default:
	}
	select {
	case k := <-s.keys:
		s.asked = false
		return k
	case <-wake:
		return Woken
	case <-timer:
		return Timeout
	case received := <-s.signals:
		return s.signal(received)
	}
}

// signal returns the key that a signal is.
func (s *Screen) signal(received os.Signal) Key {
	switch received {
	case unix.SIGINT:
		return Interrupt
	case unix.SIGHUP, unix.SIGTERM, unix.SIGQUIT:
		return Ended
	case unix.SIGTSTP:
		s.Suspend(false)
	case unix.SIGCONT:
		_ = s.enter()
	default:
		s.measure()
		s.shown = nil
	}
	return Resized
}

// Interrupted reports whether ^C was typed meanwhile, or the tool is to end. Nothing is forgotten but ^C.
func (s *Screen) Interrupted() bool {
	for {
		select {
		case received := <-s.signals:
			if received == unix.SIGINT {
				return true
			}
			if k := s.signal(received); k == Ended {
				s.signals <- received
				return true
			}
		default:
			return false
		}
	}
}

// Waiting reports whether more keys have been read already.
func (s *Screen) Waiting() bool { return !s.asked && s.in.Buffered() > 0 }

// TerminalSize returns the size of a terminal, or a usual one.
func TerminalSize(fds ...int) (rows, columns int) {
	for _, fd := range append([]int{1}, fds...) {
		if size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); err == nil && size.Row > 0 && size.Col > 0 {
			return int(size.Row), int(size.Col)
		}
	}
	return 24, 80
}
