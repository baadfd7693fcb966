//go:build linux

package session

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// pipeSize is what a pipe of ours holds, in bytes: the kernel's bound for users who may not
// exceed it. The larger it is, the more rarely its two ends wake each other up.
const pipeSize = 1 << 20

// moveSize is how much is moved at a time, in bytes. Copying in parts of this size takes as
// long as splice(2), which would hand pages of the container's over to the caller's pipe.
const moveSize = 128 << 10

// output moves what the command writes to the caller's stream.
type output struct {
	of   int      // the caller's stream, 1 or 2
	from *os.File // our end of the command's pipe or terminal
	to   io.Writer
	done chan struct{} // closed when nothing moves any more
	lost error         // why what the command wrote found no place; before done
	// end gives the command a signal, where the output is that of its terminal; else nil.
	end func(unix.Signal)
}

// run moves until the end of what is written, or until the deadline of from.
func (o *output) run() {
	defer close(o.done)
	buf := make([]byte, moveSize)
	for {
		n, err := o.from.Read(buf)
		if n > 0 && !o.write(buf[:n]) {
			return
		}
		if err != nil {
			return // EIO is a terminal's end
		}
	}
}

// write writes to the caller's stream. Where that fails nobody reads, and the command is told.
// It is false where nothing is to be moved any more.
func (o *output) write(b []byte) bool {
	_, err := o.to.Write(b)
	if err == nil {
		return true
	}
	// The user must know that the disk is full or failed. That nobody reads any more is known.
	if !readerLeft(err) && !hungUp(o.of) {
		o.lost = &os.PathError{Op: "write", Path: streamNames[o.of], Err: err}
	}
	o.unread(err)
	o.to = nowhere{}
	return o.end != nil
}

// readerLeft tells whether a write failed because nobody reads any more. A socket says so by
// ECONNRESET where there was something unread.
func readerLeft(err error) bool { return errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) }

// unread tells the command that nobody reads what it writes any more, and why. It gets EPIPE or
// SIGPIPE by its next write into a pipe. A terminal has neither, and what is written to one that
// nobody reads waits for ever: the command gets the signal from us, and its output is still read.
func (o *output) unread(why error) {
	switch {
	case o.end == nil:
		o.from.Close()
	case errors.Is(why, unix.EIO): // the caller's own terminal is gone
		o.end(unix.SIGHUP)
	default:
		o.end(unix.SIGPIPE)
	}
}

var streamNames = [3]string{"standard input", "standard output", "standard error"}

// drain moves what was written before and not moved yet, once done is closed. What is written
// meanwhile is not waited for: a process in the background may write for ever.
func (o *output) drain() {
	buf := make([]byte, moveSize)
	for left := waiting(o.from); left > 0; {
		n := 0
		// Not os.File.Read: the deadline has passed on purpose.
		err := number(o.from, func(fd int) { n, _ = unix.Read(fd, buf[:min(left, len(buf))]) })
		if err != nil || n <= 0 || !o.write(buf[:n]) {
			return
		}
		left -= n
	}
}
