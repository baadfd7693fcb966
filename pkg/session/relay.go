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

// pipeSize is what a pipe of ours holds, in bytes: the kernel's bound for those
// who may not exceed it.
const pipeSize = 1 << 20

// relay moves bytes from one file to another, one of which is a pipe of ours or
// our end of a terminal.
type relay struct {
	from, to *os.File
	done     chan struct{} // closed when nothing moves any more
	lost     error         // why what the command wrote found no place, before done
}

// lose keeps an error that the user has to know of: that his disk is full. That nobody
// reads any more he knows.
func (r *relay) lose(err error) {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EFBIG) {
		r.lost = err
	}
}

// output moves what the command writes.
func (r *relay) output() {
	done, err := splice(r.to, r.from, r.from)
	r.lose(err)
	if !done {
		if _, err := io.Copy(r.to, r.from); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			r.lose(err)
			r.from.Close() // nobody reads: the command gets EPIPE
		}
	}
	close(r.done)
}

// input moves what the command reads, and ends it.
func (r *relay) input() {
	if term.IsTerminal(int(r.from.Fd())) {
		r.lines()
	} else if done, _ := splice(r.to, r.from, r.to); !done {
		_, _ = io.Copy(r.to, r.from)
	}
	r.to.Close()
}

// background is how often it is looked whether we are in the foreground again.
const background = 100 * time.Millisecond

// lines moves what is typed at the caller's terminal as long as that is meant
// for us: in the background it is for the shell that put us there. SIGTTIN would
// stop us then; it is held back for read(2) to fail instead. A container could
// not end as long as the parent of its process is stopped.
func (r *relay) lines() {
	runtime.LockOSThread() // and the thread ends with this
	ttin := unix.Sigset_t{}
	ttin.Val[0] = 1 << (unix.SIGTTIN - 1)
	if unix.PthreadSigmask(unix.SIG_BLOCK, &ttin, nil) != nil {
		return
	}
	buf := make([]byte, 32<<10)
	for {
		readable(int(r.from.Fd()), forever)
		n, err := r.from.Read(buf)
		if errors.Is(err, unix.EIO) && !hungUp(int(r.from.Fd())) {
			time.Sleep(background)
			continue
		}
		if err != nil {
			return
		}
		if _, err := r.to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// splice moves bytes within the kernel until the end or an error, or is not done, since
// it can't: for what is no regular file, which could keep the pipe locked while
// it waits, or a file that is only appended to. pipe is that of the two which can
// be waited for.
func splice(to, from, pipe *os.File) (done bool, err error) {
	conn, err := pipe.SyscallConn()
	if err != nil {
		return false, nil
	}
	wait, other := conn.Read, to
	if pipe == to {
		wait, other = conn.Write, from
	}
	fd := int(other.Fd())
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return false, nil
	}
	for {
		var n int64
		var moved error
		err := wait(func(ours uintptr) bool {
			in, out := int(ours), fd
			if pipe == to {
				in, out = out, in
			}
			spliced, err := unix.Splice(in, nil, out, nil, pipeSize, unix.SPLICE_F_MOVE)
			n, moved = int64(spliced), err // an int where that has 32 bits
			return !errors.Is(moved, unix.EAGAIN)
		})
		switch {
		case errors.Is(moved, unix.EINVAL):
			return false, nil
		case err != nil:
			return true, nil // the deadline: what is left is there to be drained
		case errors.Is(moved, unix.EINTR):
		case moved != nil || n == 0:
			if moved != nil && pipe == from {
				from.Close() // nobody reads: the command gets EPIPE
			}
			return true, moved
		}
	}
}

// patience is how long a beginning of the detach keys is held back.
const patience = 500 * time.Millisecond

// typing moves what is typed at the caller's terminal, until that is gone or the
// detach keys are typed.
func (r *relay) typing(k *keys, gone, left *once) {
	buf := make([]byte, 32<<10)
	for {
		wait := forever
		if len(k.held) > 0 {
			wait = patience
		}
		var out []byte
		complete := false
		if readable(int(r.from.Fd()), wait) {
			n, err := r.from.Read(buf)
			if err != nil {
				gone.give()
				return
			}
			out, complete = k.typed(buf[:n])
		} else {
			out = k.flush()
		}
		if _, err := r.to.Write(out); err != nil {
			return // the command's terminal is closed
		}
		if complete {
			left.give()
			return
		}
	}
}

// drain copies what can be read without waiting.
func drain(to io.Writer, from *os.File) error {
	raw, err := from.SyscallConn()
	if err != nil {
		return nil // closed by the relay
	}
	buf := make([]byte, 64<<10)
	for {
		n := 0
		// Control, not Read: the deadline has passed on purpose.
		err := raw.Control(func(fd uintptr) { n, _ = unix.Read(int(fd), buf) })
		if err != nil || n <= 0 {
			return nil
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return err
		}
	}
}
