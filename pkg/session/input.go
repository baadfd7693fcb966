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
)

// input moves the caller's standard input to the command.
type input struct {
	from descriptor
	to   *os.File // our end of the command's pipe or terminal
	// regular says that the caller's is a regular file, whose offset is shared with who
	// reads it next.
	regular bool
	// unread is the command's end of the pipe, to see what is left there; nil if not regular.
	unread *os.File
	moved  int64         // into the pipe, in bytes; once done is closed
	unsent int64         // read and not moved
	done   chan struct{} // closed when nothing moves any more
}

func newInput(to *os.File) *input {
	var st unix.Stat_t
	regular := unix.Fstat(0, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
	return &input{from: 0, to: to, regular: regular, done: make(chan struct{})}
}

// run moves until the end of the caller's input, and ends the command's.
func (i *input) run() {
	defer close(i.done)
	defer i.to.Close()
	if term.IsTerminal(int(i.from)) {
		i.lines()
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

// giveBack sets the offset of a regular file back to where the command stopped reading, so that
// who reads it next, a loop of the caller's shell, goes on there. It is never set back by more
// than was read: the container's root can write into the pipe.
func (i *input) giveBack() {
	_ = i.to.SetWriteDeadline(time.Now())
	<-i.done
	back := min(int64(waiting(i.unread)), i.moved) + i.unsent
	if back > 0 {
		_, _ = unix.Seek(int(i.from), -back, io.SeekCurrent)
	}
}

// background is how often it is looked whether we are in the foreground again.
const background = 100 * time.Millisecond

// lines moves what is typed at the caller's terminal as long as that is meant
// for us: in the background it is for the shell that put us there. SIGTTIN would
// stop us then; it is held back for read(2) to fail instead. A container could
// not end as long as the parent of its process is stopped.
func (i *input) lines() {
	runtime.LockOSThread() // and the thread ends with this
	ttin := unix.Sigset_t{}
	ttin.Val[0] = 1 << (unix.SIGTTIN - 1)
	if unix.PthreadSigmask(unix.SIG_BLOCK, &ttin, nil) != nil {
		return
	}
	buf := make([]byte, 32<<10)
	for {
		readable(int(i.from), forever)
		n, err := i.from.Read(buf)
		if errors.Is(err, unix.EIO) && !hungUp(int(i.from)) {
			time.Sleep(background)
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

// holdBack is how long a beginning of the detach keys is held back.
const holdBack = 500 * time.Millisecond

// passKeys moves what is typed at the caller's terminal, until that is gone or the
// detach keys are typed.
func (i *input) passKeys(k *keys, gone, left *once) {
	buf := make([]byte, 32<<10)
	for {
		wait := forever
		if len(k.held) > 0 {
			wait = holdBack
		}
		var out []byte
		complete := false
		if readable(int(i.from), wait) {
			n, err := i.from.Read(buf)
			if err != nil {
				gone.give()
				return
			}
			out, complete = k.typed(buf[:n])
		} else {
			out = k.flush()
		}
		if _, err := i.to.Write(out); err != nil {
			return // the command's terminal is closed
		}
		if complete {
			left.give()
			return
		}
	}
}
