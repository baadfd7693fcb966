//go:build linux

package session

import (
	"errors"
	"io"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

// input copies the caller's standard input to the command.
type input struct {
	from descriptor
	to   *os.File // the helper's end of the command's pipe or terminal
	// regular says that the caller's input is a regular file. Its offset is shared with what reads
	// it next.
	regular bool
	// commandEnd is the command's end of the pipe, to count what is left there; nil if not regular.
	commandEnd *os.File
	moved      int64         // written to the pipe, in bytes; valid once done is closed
	unsent     int64         // read from the caller and not written, in bytes
	done       chan struct{} // closed when nothing more is copied
}

func newInput(to *os.File) *input {
	var st unix.Stat_t
	regular := unix.Fstat(0, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
	return &input{from: 0, to: to, regular: regular, done: make(chan struct{})}
}

// run copies until the end of the caller's input, and then ends the command's.
func (i *input) run() {
	defer close(i.done)
	defer i.to.Close()
	if term.IsTerminal(int(i.from)) {
		i.runTerminal()
		return
	}
	buf := make([]byte, moveSize)
	for {
		n, err := i.from.Read(buf)
		if err != nil {
			return
		}
		m, err := i.to.Write(buf[:n])
		i.moved += int64(m)
		if err != nil {
			i.unsent = int64(n - m)
			return
		}
	}
}

// rewind sets the offset of a regular file back to where the command stopped reading, so that
// the next reader, for example a loop of the caller's shell, continues there. It never goes back
// further than what was read: the container's root can write into the pipe.
func (i *input) rewind() {
	_ = i.to.SetWriteDeadline(time.Now())
	<-i.done
	back := min(int64(stdio.UnreadBytes(i.commandEnd)), i.moved) + i.unsent
	if back > 0 {
		_, _ = unix.Seek(int(i.from), -back, io.SeekCurrent)
	}
}

// foregroundInterval is how often a background process tries to read the terminal again.
const foregroundInterval = 100 * time.Millisecond

// runTerminal copies what is typed at the caller's terminal while the helper is in the
// foreground. In the background, input is for the shell. SIGTTIN would stop the helper then,
// and a container can't end while the parent of one of its processes is stopped. So SIGTTIN is
// blocked, and read(2) fails instead.
func (i *input) runTerminal() {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	ttin := unix.Sigset_t{}
	ttin.Val[0] = 1 << (unix.SIGTTIN - 1)
	if unix.PthreadSigmask(unix.SIG_BLOCK, &ttin, nil) != nil {
		return
	}
	buf := make([]byte, 32<<10)
	for {
		readable(int(i.from), noTimeout)
		n, err := i.from.Read(buf)
		if errors.Is(err, unix.EIO) && !terminalHungUp(int(i.from)) {
			time.Sleep(foregroundInterval)
			continue
		}
		if err != nil {
			return
		}
		if _, err := i.to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// detachKeysTimeout is how long an incomplete sequence of detach keys is held back.
const detachKeysTimeout = 500 * time.Millisecond

// passKeys copies what is typed at the caller's terminal, until that is gone or the detach keys
// are typed.
func (i *input) passKeys(k *keys, gone, detach *event) {
	buf := make([]byte, 32<<10)
	for {
		wait := noTimeout
		if len(k.held) > 0 {
			wait = detachKeysTimeout
		}
		var out []byte
		complete := false
		if readable(int(i.from), wait) {
			n, err := i.from.Read(buf)
			if err != nil {
				gone.fire()
				return
			}
			out, complete = k.feed(buf[:n])
		} else {
			out = k.flush()
		}
		if _, err := i.to.Write(out); err != nil {
			return // the command's terminal is closed
		}
		if complete {
			detach.fire()
			return
		}
	}
}
