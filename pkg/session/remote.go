//go:build linux

package session

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/frame"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Remote is a caller that may be on another machine. Its frames come on what was
// the helper's standard input; in its place is a pipe with the data of them. Frames
// to it go to what was the helper's standard error.
type Remote struct {
	client *request.Client
	frames *os.File
	input  *os.File // the pipe's other end
	unread *os.File // the command's end, to see what is left there; nil where that is not asked for
	errors *frame.Writer
	queue  *queue
	// heard says that the frames are read: until then only the caller's end is noticed.
	heard atomic.Bool
	// left says that the caller's end came before that.
	left atomic.Bool
}

// CallerErrors is the standard error of a caller that may be on another machine.
func CallerErrors() *frame.Writer { return frame.NewWriter(descriptor(2)) }

// Attend takes the helper's standard input for the frames of c; stderr is what CallerErrors gave.
func Attend(c *request.Client, stderr *frame.Writer) (*Remote, error) {
	fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if err := unix.Dup3(int(r.Fd()), 0, 0); err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	remote := &Remote{client: c, frames: os.NewFile(uintptr(fd), "frames"), input: w, errors: stderr, queue: newQueue()}
	if c.InputFile {
		if remote.unread, err = duplicate(r); err != nil {
			return nil, err
		}
	}
	go remote.endWithCaller(fd)
	return remote, nil
}

// lateEnd is how long a helper has to end whose caller hung up before its frames were read: to end
// the children that it may have takes it a little more than a second.
const lateEnd = 5 * time.Second

// endWithCaller ends the helper where the caller hangs up before its frames are read: Unwanted says
// so. What is read of the container until then may be on a mount that never answers, which the
// helper isn't waited for after lateEnd. frames is their descriptor.
func (r *Remote) endWithCaller(frames int) {
	fds := []unix.PollFd{{Fd: int32(frames)}} // POLLHUP alone
	for {
		_, err := unix.Poll(fds, -1)
		if r.heard.Load() {
			return
		}
		if err == nil && fds[0].Revents != 0 {
			break
		}
	}
	r.left.Store(true)
	time.Sleep(lateEnd)
	if !r.heard.Load() {
		os.Exit(exit.Failed) //nolint:forbidigo // the main thread may wait for ever
	}
}

// hasLeft tells whether the caller hung up before its frames were read.
func (r *Remote) hasLeft() bool { return r != nil && r.left.Load() }

// hostsNull is the host's null device, of the process that started the helper's
// container: in a container its name is /dev/null, as that of docker exec's.
func hostsNull() string { return fmt.Sprintf("/proc/%d/root/dev/null", os.Getppid()) }

// writer is what the command's output of stream i is written to: nil is a caller who is here.
func (r *Remote) writer(i int) io.Writer {
	if r != nil && i == 2 {
		return r.errors
	}
	return descriptor(i)
}

// null tells whether the caller's stream i is the null device, and oneOutput whether its
// standard output and error are the same file.
func (r *Remote) null(i int) bool {
	if r != nil {
		return r.client.Null[i]
	}
	return isNull(i)
}

func (r *Remote) oneOutput() bool {
	if r != nil {
		return r.client.OneOutput
	}
	return sameFile(1, 2)
}

// resize gives the pseudo-terminal the size that the caller's had when it asked.
func (r *Remote) resize(pty *os.File) { setSize(pty, r.client.Rows, r.client.Columns) }

func setSize(pty *os.File, rows, columns uint16) {
	if pty != nil && rows != 0 && columns != 0 {
		size := &unix.Winsize{Row: rows, Col: columns}
		_ = number(pty, func(fd int) { _ = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size) })
	}
}

// follow does what the caller's frames say until the caller is gone: its stream ends or says
// nothing for too long. signal gives a signal to the command; unread tells it that nobody reads
// one of its outputs any more.
func (r *Remote) follow(signal func(unix.Signal), unread func(stream int), pty *os.File, gone *once) {
	defer gone.give()
	r.heard.Store(true)
	r.consumed(0)                        // which tells the caller that its signals are heard
	runtime.GOMAXPROCS(runtime.NumCPU()) // package engine left one, which did so far
	for _, pipe := range []*os.File{r.frames, r.input} {
		_ = number(pipe, func(fd int) { _, _ = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, pipeSize) })
	}
	go r.queue.drainTo(r.input, r.consumed)
	defer r.queue.end()
	from := bufio.NewReaderSize(patient{r.frames}, frame.MaxSize) // a frame has two parts, and often two come at once
	buf := make([]byte, frame.MaxSize)
	for {
		f, err := frame.Read(from, buf)
		if err != nil {
			return
		}
		switch f.Kind {
		case frame.Data:
			if !r.queue.add(f.Payload) {
				return // it sends more than was agreed
			}
		case frame.End:
			r.queue.end()
		case frame.Size:
			rows, columns := f.Dimensions()
			setSize(pty, rows, columns)
		case frame.Signal:
			signal(unix.Signal(f.Number()))
		case frame.OutputClosed:
			unread(f.Number())
		case frame.Alive, frame.Consumed:
		}
	}
}

// consumed tells the caller how much of its input was passed on.
func (r *Remote) consumed(total int64) { _ = r.errors.Consumed(total) }

// giveBack tells the caller in the end how much of its input the command has read, where that
// is a regular file.
func (r *Remote) giveBack() {
	if r == nil || r.unread == nil {
		return
	}
	passed := r.queue.stop()
	// The container's root can write into the pipe, too.
	r.consumed(passed - min(int64(waiting(r.unread)), passed))
}

// patient reads from a file that has to say something now and then.
type patient struct{ from *os.File }

func (p patient) Read(b []byte) (int, error) {
	if !readable(int(p.from.Fd()), frame.Timeout) {
		return 0, os.ErrDeadlineExceeded
	}
	return p.from.Read(b)
}
