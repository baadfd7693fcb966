//go:build linux

package session

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

// pipeSize is the capacity of a pipe, in bytes: the kernel's default limit for unprivileged
// users. The larger it is, the less often the two ends wake each other.
const pipeSize = 1 << 20

// moveSize is how many bytes are copied at a time. Copying in parts of this size is as fast as
// splice(2), which would put the container's own pages into the caller's pipe.
const moveSize = 128 << 10

// output copies what the command writes to the caller's stream.
type output struct {
	stream int      // the caller's stream, 1 or 2
	from   *os.File // the helper's end of the command's pipe or terminal
	to     io.Writer
	done   chan struct{} // closed when nothing more is copied
	err    error         // why output was lost; valid once done is closed
	// signal sends the command a signal, if from is a terminal; else it is nil.
	signal func(unix.Signal)
}

// run copies until the command's end is closed or from's deadline has passed.
func (o *output) run() {
	defer close(o.done)
	buf := make([]byte, moveSize)
	for {
		n, err := o.from.Read(buf)
		if n > 0 && !o.write(buf[:n]) {
			return
		}
		if err != nil {
			return // EIO: the terminal's other end is closed
		}
	}
}

// awaited waits until nothing more is copied. It returns false if there is a reason not to wait.
func (o *output) awaited(gone <-chan struct{}, signalled <-chan os.Signal, late *event) bool {
	select {
	case <-o.done:
		return true
	case <-gone:
	case <-signalled:
	case <-late.fired:
	}
	return false
}

// isDone reports whether nothing more is copied.
func (o *output) isDone() bool {
	select {
	case <-o.done:
		return true
	default:
		return false
	}
}

// write writes to the caller's stream. If that fails it notifies the command. It returns false
// if there is nothing more to copy.
func (o *output) write(b []byte) bool {
	_, err := o.to.Write(b)
	if err == nil {
		return true
	}
	// A full or failed disk must be reported. A reader that has ended need not be: the user knows.
	if !isReaderGone(err) && !terminalHungUp(o.stream) {
		o.err = &os.PathError{Op: "write", Path: streamNames[o.stream], Err: err}
	}
	o.notifyReaderGone(err)
	o.to = io.Discard
	return o.signal != nil
}

// isReaderGone reports whether a write failed because its reader is gone. A socket returns
// ECONNRESET if its peer closed it with unread data.
func isReaderGone(err error) bool {
	return errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET)
}

// notifyReaderGone tells the command that the reader of its output is gone. The next write to a
// pipe fails with EPIPE and SIGPIPE. A terminal has no such error: once its buffer is full, a
// write waits forever. So the command gets a signal, and its output is still read.
func (o *output) notifyReaderGone(why error) {
	switch {
	case o.signal == nil:
		o.from.Close()
	case errors.Is(why, unix.EIO): // the caller's terminal has hung up
		o.signal(unix.SIGHUP)
	default:
		o.signal(unix.SIGPIPE)
	}
}

var streamNames = [3]string{"standard input", "standard output", "standard error"}

// drain copies what is in the pipe, once done is closed. It does not wait for what is written
// meanwhile, since a background process may write forever.
func (o *output) drain() {
	buf := make([]byte, moveSize)
	for left := stdio.UnreadBytes(o.from); left > 0; {
		n := 0
		// Not os.File.Read, which fails after the deadline.
		err := stdio.WithFD(o.from, func(fd int) { n, _ = unix.Read(fd, buf[:min(left, len(buf))]) })
		if err != nil || n <= 0 || !o.write(buf[:n]) {
			return
		}
		left -= n
	}
}
