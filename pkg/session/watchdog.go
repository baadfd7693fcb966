//go:build linux

package session

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/watchdog"
)

// WatchdogArg as the only argument makes the helper a session's watchdog.
const WatchdogArg = "watch"

// order tells the session's watchdog what to do if the helper is killed; only the last order counts. The
// watchdog restores the caller's terminal and ends the command with its session. After the detach keys it
// keeps reading the terminal of the running command instead.
type order struct {
	PID      int           // the command's; also the ID of its session and process group
	Leads    bool          // it leads a session of its own
	Space    ns.ID         // its pid namespace
	Terminal *unix.Termios // the settings of the caller's terminal before it was made raw
	Drain    bool          // only read what the command writes to its terminal, until it ends
}

// text returns the order as JSON. For a command without a terminal it does not use encoding/json, which would
// touch 150 KB of memory to learn the type.
func (o order) text() ([]byte, error) {
	if o.Terminal != nil {
		return json.Marshal(o)
	}
	return fmt.Appendf(nil, `{"PID":%d,"Leads":%t,"Space":{"dev":%d,"ino":%d},"Terminal":null,"Drain":%t}`,
		o.PID, o.Leads, o.Space.Dev, o.Space.Ino, o.Drain), nil
}

// startWatchdog starts a watchdog. pty is our end of the command's terminal, or nil; raw says that the
// caller's terminal has to be restored.
func startWatchdog(fork watchdog.Fork, raw bool, pty *os.File) (*watchdog.Watchdog, error) {
	// A socket, since the command's pidfd is passed through it.
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("start watchdog: socketpair: %w", err)
	}
	alive, conn := os.NewFile(uintptr(fds[0]), "orders"), os.NewFile(uintptr(fds[1]), "orders")
	var terminal *os.File
	if raw {
		terminal = os.Stdin
	}
	w, err := watchdog.Start(fork, []string{"docker-nsjoin", WatchdogArg}, alive, conn, terminal, pty)
	if err != nil {
		return nil, fmt.Errorf("start watchdog: %w", err)
	}
	return w, nil
}

// tell sends the watchdog an order, with the pidfd of the order's command, or nil. The order stays in the
// socket until the helper has ended.
func tell(w *watchdog.Watchdog, o order, pidfd *os.File) error {
	text, err := o.text()
	if err == nil {
		var rights []byte
		if pidfd != nil {
			rights = unix.UnixRights(int(pidfd.Fd()))
		}
		err = unix.Sendmsg(int(w.Conn.Fd()), append(text, '\n'), rights, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
	}
	if err != nil {
		return fmt.Errorf("write to watchdog: %w", err)
	}
	return nil
}

// RunWatchdog does what the last order says, once the helper has ended.
func RunWatchdog() error {
	terminal, pty := os.Stdout, os.Stderr
	var last order
	var command *group
	orders, pidfd := listen(os.Stdin)
	for line := range bytes.Lines(orders) {
		var o order
		if err := json.Unmarshal(line, &o); err != nil {
			break
		}
		last = o
		if o.PID != 0 && pidfd != nil {
			command = &group{pid: o.PID, pidfd: pidfd, leads: o.Leads, pidNS: o.Space}
		}
	}
	if last.Drain {
		terminal.Close() // the caller still uses it
		return drain(pty, pidfd)
	}
	if last.Terminal != nil {
		_ = unix.IoctlSetTermios(int(terminal.Fd()), unix.TCSETSW, last.Terminal)
	}
	// No process holds our end of the command's terminal any more: the kernel hangs it up.
	terminal.Close()
	pty.Close()
	if command != nil {
		command.end()
	}
	return nil
}

// drain reads a terminal until the last process that has it open has ended, or the command with this pidfd has and its
// background processes have had their time: a process of the container could hold the terminal for ever.
func drain(pty, pidfd *os.File) error {
	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, pty)
		read <- err // EIO at the end
	}()
	ended := make(chan struct{})
	if pidfd != nil {
		go func() {
			readable(int(pidfd.Fd()), noTimeout)
			time.Sleep(linger)
			close(ended)
		}()
	}
	select {
	case err := <-read:
		return err
	case <-ended:
		return nil
	}
}
