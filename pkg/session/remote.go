//go:build linux

package session

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/frame"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

// Remote is a caller that is reached through the engine, possibly on another machine. It sends its
// frames to the helper's original standard input, which is replaced by a pipe with the data of
// the frames. Frames to the caller go to the helper's original standard error.
type Remote struct {
	client     *request.Client
	frames     *os.File
	commandEnd *os.File // the command's end, to count what is left there; nil if the client does not need that
	outputs    *Outputs
	input      *queue
	// reading says that the frames are read. Before that only a hangup is noticed.
	reading atomic.Bool
	// hungUp says that the caller hung up before its frames were read.
	hungUp atomic.Bool
}

// Outputs are the helper's streams to a client: standard output, whose bytes are counted, and the frames on
// standard error.
type Outputs struct {
	Stderr  *frame.Writer
	written atomic.Int64 // bytes to standard output
	room    room         // of standard output
}

// ClientOutputs returns the streams to the client.
func ClientOutputs() *Outputs {
	return &Outputs{Stderr: frame.NewWriter(descriptor(2)), room: newRoom(1)}
}

// Write writes to the client's standard output; io.Writer.
func (o *Outputs) Write(b []byte) (int, error) {
	o.room.await(len(b))
	n, err := descriptor(1).Write(b)
	o.written.Add(int64(n))
	return n, err
}

// Exit tells the client that everything is written and that the helper exits with status.
func (o *Outputs) Exit(status int) error { return o.Stderr.Exit(status, o.written.Load()) }

// RemoteRequest returns the request of a remote caller, which its frames begin with. It fails if nothing
// comes for frame.Timeout.
func RemoteRequest() io.Reader { return frame.NewRequestReader(timeoutReader{os.Stdin}) }

// RemotePrograms returns the programs that follow the request, in the same way.
func RemotePrograms() io.Reader { return frame.NewProgramsReader(timeoutReader{os.Stdin}) }

// NewRemote reads the frames of c from the helper's standard input.
func NewRemote(c *request.Client, outputs *Outputs) (*Remote, error) {
	fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("redirect standard input: %w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if err := unix.Dup3(int(r.Fd()), 0, 0); err != nil {
		return nil, fmt.Errorf("redirect standard input: %w", err)
	}
	remote := &Remote{client: c, frames: os.NewFile(uintptr(fd), "frames"), outputs: outputs, input: newQueue(w, windowOf(c))}
	if c.InputFile {
		if remote.commandEnd, err = dupFile(r); err != nil {
			return nil, err
		}
	}
	go remote.exitOnHangup(fd)
	return remote, nil
}

// windowOf returns how many bytes of input the client sends ahead.
func windowOf(c *request.Client) int64 {
	if c.SmallWindow {
		return frame.SmallWindow
	}
	return frame.Window
}

// exitTimeout is how long the helper may take to exit after a hangup that came before its frames were
// read. Ending its children takes a little more than a second.
const exitTimeout = 5 * time.Second

// exitOnHangup ends the helper if the caller hangs up before its frames are read. Session.Canceled
// reports that hangup. If the helper reads a file of the container on a mount that never
// answers, it exits after exitTimeout. frames is the descriptor of the frames.
func (r *Remote) exitOnHangup(frames int) {
	fds := []unix.PollFd{{Fd: int32(frames)}} // POLLHUP only
	for {
		_, err := unix.Poll(fds, -1)
		if r.reading.Load() {
			return
		}
		if err == nil && fds[0].Revents != 0 {
			break
		}
	}
	r.hungUp.Store(true)
	time.Sleep(exitTimeout)
	if !r.reading.Load() {
		os.Exit(exit.Failed) //nolint:forbidigo // the main thread may be stuck
	}
}

// hasHungUp reports whether the caller hung up before its frames were read.
func (r *Remote) hasHungUp() bool { return r != nil && r.hungUp.Load() }

// hostNullPath returns the path of the host's null device, through the process that started the helper's
// container. Inside that container, its name is /dev/null, as in docker exec.
func hostNullPath() string { return fmt.Sprintf("/proc/%d/root/dev/null", procfs.Starter()) }

// writer returns the destination of the command's stream i. A nil Remote is a local caller.
func (r *Remote) writer(i int) io.Writer {
	switch {
	case r == nil:
		return descriptor(i)
	case i == 2:
		return r.outputs.Stderr
	}
	return r.outputs
}

// null reports whether the caller's stream i is the null device.
func (r *Remote) null(i int) bool {
	if r != nil {
		return r.client.Null[i]
	}
	return stdio.IsNull([]*os.File{os.Stdin, os.Stdout, os.Stderr}[i])
}

// sameOutput reports whether the caller's standard output and error are the same file.
func (r *Remote) sameOutput() bool {
	if r != nil {
		return r.client.OneOutput
	}
	return stdio.SameFile(os.Stdout, os.Stderr)
}

// resize gives the pseudo-terminal the size that the caller's terminal had at the request.
func (r *Remote) resize(pty *os.File) { setSize(pty, r.client.Rows, r.client.Columns) }

func setSize(pty *os.File, rows, columns uint16) {
	if pty != nil && rows != 0 && columns != 0 {
		size := &unix.Winsize{Row: rows, Col: columns}
		_ = stdio.WithFD(pty, func(fd int) { _ = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size) })
	}
}

// readFrames handles the caller's frames until the caller is gone: its stream ends, or sends nothing
// for frame.Timeout. signal forwards a signal to the command. readerGone tells the command that the
// reader of one of its outputs is gone.
func (r *Remote) readFrames(signal func(unix.Signal), readerGone func(stream int), pty *os.File, gone *event) {
	defer gone.fire()
	r.reading.Store(true)
	r.consumed(0)   // the caller waits for this before it sends signals
	useProcessors() // package engine started the helper with one
	for _, pipe := range []*os.File{r.frames, r.input.to} {
		_ = stdio.WithFD(pipe, func(fd int) { _, _ = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, pipeSize) })
	}
	go r.input.drain(r.consumed)
	defer r.input.end()
	from := frame.NewReader(timeoutReader{r.frames})
	for {
		f, err := from.Next()
		if err != nil {
			return
		}
		switch f.Kind {
		case frame.Data:
			if !r.input.add(f.Payload) {
				return // the caller exceeded the window
			}
		case frame.End:
			r.input.end()
		case frame.Size:
			rows, columns := f.Dimensions()
			setSize(pty, rows, columns)
		case frame.Signal:
			signal(unix.Signal(f.Number()))
		case frame.OutputClosed:
			readerGone(f.Number())
		case frame.Alive, frame.Request, frame.Programs, frame.Consumed, frame.Hello, frame.Exit:
		}
	}
}

// consumed tells the caller how much of its input was written to the command, in bytes.
func (r *Remote) consumed(total int64) { _ = r.outputs.Stderr.Consumed(total) }

// reportUnread tells the caller, at the end, how much of its input the command has read, if that
// is a regular file.
func (r *Remote) reportUnread() {
	if r == nil || r.commandEnd == nil {
		return
	}
	written := r.input.stop()
	// The container's root can write into the pipe too.
	r.consumed(written - min(int64(stdio.UnreadBytes(r.commandEnd)), written))
}

// timeoutReader reads from a file and fails if nothing comes for frame.Timeout.
type timeoutReader struct{ from *os.File }

func (p timeoutReader) Read(b []byte) (int, error) {
	if !readable(int(p.from.Fd()), frame.Timeout) {
		return 0, os.ErrDeadlineExceeded
	}
	return p.from.Read(b)
}
