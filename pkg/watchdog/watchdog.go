//go:build linux

// Package watchdog keeps a second process of the helper running that acts only if the helper is killed.
package watchdog

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Fork forks a process that waits until alive hangs up and then executes the helper with args and these
// standard streams; alive is its standard input. It is join.ForkWatchdog.
type Fork func(args []string, alive, stdout, stderr *os.File) (pid int, err error)

// Watchdog is the second process. A nil Watchdog means that there is none.
type Watchdog struct {
	PID  int
	Conn *os.File // our end of its standard input
}

// Start starts a watchdog. alive becomes its standard input; it must hang up once conn, the other end of the
// pipe or socket, is closed. A nil stdout or stderr is alive too, so that the watchdog keeps no
// stream of the caller's open. Start closes alive, and conn after an error.
func Start(fork Fork, args []string, alive, conn, stdout, stderr *os.File) (*Watchdog, error) {
	defer alive.Close()
	if stdout == nil {
		stdout = alive
	}
	if stderr == nil {
		stderr = alive
	}
	pid, err := fork(args, alive, stdout, stderr)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &Watchdog{PID: pid, Conn: conn}, nil
}

// Stop kills the watchdog and waits for its end.
func (w *Watchdog) Stop() {
	if w == nil {
		return
	}
	_ = unix.Kill(w.PID, unix.SIGKILL) // a child that has not been waited for, so its pid is not reused
	for {
		_, err := unix.Wait4(w.PID, nil, unix.WALL, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	w.Conn.Close()
}
