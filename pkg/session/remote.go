//go:build linux

package session

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/frame"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Remote is a caller that may be on another machine. His frames come on what was
// the helper's standard input; in its place is a pipe with the data of them.
type Remote struct {
	client *request.Client
	frames *os.File
	input  *os.File // the pipe's other end
}

// Attend takes the helper's standard input for the frames of c.
func Attend(c *request.Client) (*Remote, error) {
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
	if c.OneOutput {
		if err := unix.Dup3(1, 2, 0); err != nil {
			return nil, fmt.Errorf("standard error: %w", err)
		}
	}
	for i, flag := range []int{os.O_RDONLY, os.O_WRONLY, os.O_WRONLY} {
		if !c.Null[i] {
			continue
		}
		null, err := os.OpenFile(hostsNull(), flag, 0)
		if err != nil {
			return nil, err
		}
		defer null.Close()
		if err := unix.Dup3(int(null.Fd()), i, 0); err != nil {
			return nil, fmt.Errorf("standard stream %d: %w", i, err)
		}
	}
	return &Remote{client: c, frames: os.NewFile(uintptr(fd), "frames"), input: w}, nil
}

// hostsNull is the host's null device, of the process that started the helper's
// container: in a container its name is /dev/null, as that of docker exec's.
func hostsNull() string { return fmt.Sprintf("/proc/%d/root/dev/null", os.Getppid()) }

// Terminals tells whether his standard input and output are terminals.
func (r *Remote) Terminals() (input, output bool) {
	return r.client.InputTerminal, r.client.OutputTerminal
}

// resize gives the pseudo-terminal the size that his had when he asked.
func (r *Remote) resize(pty *os.File) { setSize(pty, r.client.Rows, r.client.Columns) }

func setSize(pty *os.File, rows, columns uint16) {
	if pty != nil && rows != 0 && columns != 0 {
		_ = unix.IoctlSetWinsize(int(pty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns})
	}
}

// follow does what his frames say until he is gone: his stream ends or says nothing
// for too long. signal gives a signal to the command.
func (r *Remote) follow(signal func(unix.Signal), pty *os.File, gone *once) {
	defer gone.give()
	runtime.GOMAXPROCS(runtime.NumCPU()) // package engine left one, which did so far
	for _, pipe := range []*os.File{r.frames, r.input} {
		_, _ = unix.FcntlInt(pipe.Fd(), unix.F_SETPIPE_SZ, pipeSize)
	}
	q := newQueue()
	go q.drainTo(r.input)
	defer q.end()
	from := bufio.NewReaderSize(patient{r.frames}, frame.MaxSize) // a frame has two parts, and often two come at once
	buf := make([]byte, frame.MaxSize)
	for {
		f, err := frame.Read(from, buf)
		if err != nil {
			return
		}
		switch f.Kind {
		case frame.Data:
			q.add(f.Payload)
		case frame.End:
			q.end()
		case frame.Size:
			rows, columns := f.Dimensions()
			setSize(pty, rows, columns)
		case frame.Signal:
			signal(unix.Signal(f.Number()))
		case frame.Alive:
		}
	}
}

// patient reads from a file that has to say something now and then.
type patient struct{ from *os.File }

func (p patient) Read(b []byte) (int, error) {
	if !readable(int(p.from.Fd()), frame.Silence) {
		return 0, os.ErrDeadlineExceeded
	}
	return p.from.Read(b)
}

// queue holds what the command has yet to read, so that a signal, or the caller's
// end, doesn't wait behind it.
type queue struct {
	mu      sync.Mutex
	changed sync.Cond
	data    []byte
	ended   bool // nothing is added any more
	closed  bool // nobody reads
}

// maxQueue is when adding waits after all, in bytes.
const maxQueue = 16 << 20

func newQueue() *queue {
	q := &queue{}
	q.changed.L = &q.mu
	return q
}

func (q *queue) add(data []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.data) > maxQueue && !q.closed {
		q.changed.Wait()
	}
	if !q.closed && !q.ended {
		q.data = append(q.data, data...)
		q.changed.Signal()
	}
}

func (q *queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.changed.Signal()
}

// drainTo writes what was added, until the end, and closes to.
func (q *queue) drainTo(to io.WriteCloser) {
	defer to.Close()
	var taken []byte
	for {
		q.mu.Lock()
		for len(q.data) == 0 && !q.ended {
			q.changed.Wait()
		}
		taken, q.data = q.data, taken[:0]
		q.changed.Signal()
		q.mu.Unlock()
		if len(taken) == 0 {
			return
		}
		if _, err := to.Write(taken); err != nil {
			q.mu.Lock()
			q.closed, q.data = true, nil
			q.changed.Signal()
			q.mu.Unlock()
			return
		}
	}
}
