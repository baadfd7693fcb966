//go:build linux

package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// WatchArg as the only argument makes the helper a watcher.
const WatchArg = "watch"

// Standby starts a process that waits until alive hangs up and executes the
// helper again then, with args and these standard streams; join.Standby.
type Standby func(args []string, alive, stdout, stderr *os.File) (pid int, err error)

// watcher is a second process, which stays beside the helper for one case only:
// that the helper is killed. Then it gives the caller's terminal back and ends
// the command with its session. It also takes the helper's place at the
// terminal of a command that is left.
type watcher struct {
	pid    int
	orders *os.File // a socket, which the command's pidfd is passed by
}

// order says what is to be done when no more orders come.
type order struct {
	PID      int           // the command's, which is that of its session and group
	Leads    bool          // it leads a session of its own
	Space    ns.ID         // the pid namespace that it is in
	Terminal *unix.Termios // of the caller's terminal, before it was made raw
	Drain    bool          // read what the command writes to its terminal until it ends, that's all
}

// startWatcher starts a watcher. pty is our end of the command's terminal, or nil; raw says that the
// caller's terminal has to be given back.
func startWatcher(standby Standby, raw bool, pty *os.File) (*watcher, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("start watcher: socketpair: %w", err)
	}
	r, orders := os.NewFile(uintptr(fds[0]), "orders"), os.NewFile(uintptr(fds[1]), "orders")
	defer r.Close()
	stdout, stderr := r, r // which nobody writes to; the caller's would stay open
	if raw {
		stdout = os.Stdin
	}
	if pty != nil {
		stderr = pty
	}
	pid, err := standby([]string{"docker-nsjoin", WatchArg}, r, stdout, stderr)
	if err != nil {
		orders.Close()
		return nil, fmt.Errorf("start watcher: %w", err)
	}
	return &watcher{pid: pid, orders: orders}, nil
}

// tell gives it an order, which is for when the helper is gone, with the pidfd of the command that
// it names, or nil. The order waits in the socket until then.
func (w *watcher) tell(o order, pidfd *os.File) error {
	text, err := json.Marshal(o)
	if err == nil {
		var rights []byte
		if pidfd != nil {
			rights = unix.UnixRights(int(pidfd.Fd()))
		}
		err = unix.Sendmsg(int(w.orders.Fd()), append(text, '\n'), rights, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
	}
	if err != nil {
		return fmt.Errorf("tell watcher: %w", err)
	}
	return nil
}

// stop ends the watcher, whose case didn't come. A nil one is none.
func (w *watcher) stop() {
	if w == nil {
		return
	}
	w.orders.Close()
	_ = unix.Kill(w.pid, unix.SIGKILL) // a child that nobody has waited for
	for {
		_, err := unix.Wait4(w.pid, nil, unix.WALL, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// Watch is the watcher's work. It returns when there is no more of it.
func Watch() error {
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
		terminal.Close() // which is the caller's still
		_, err := io.Copy(io.Discard, pty)
		return err // EIO when the last process that had it open has ended
	}
	if last.Terminal != nil {
		_ = unix.IoctlSetTermios(int(terminal.Fd()), unix.TCSETSW, last.Terminal)
	}
	// Nobody holds the command's terminal any more; the kernel tells it so.
	terminal.Close()
	pty.Close()
	if command != nil {
		command.end()
	}
	return nil
}
