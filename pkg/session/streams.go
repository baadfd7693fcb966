//go:build linux

package session

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// streams are the command's standard streams and what copies bytes between them and the caller's.
//
// A process with a container's file system never has a descriptor of the caller's. The
// container's root could open it again by /proc/PID/fd, write into the pipe that the caller's
// shell reads its script from, read what other programs write there later, change the open
// file's flags, or use a socket in its original network namespace. So a command in a container
// has pipes or a terminal made by the helper, and its own null device.
type streams struct {
	command      [3]*os.File // the command's ends
	closeAtStart []*os.File  // the helper's copies of them
	input        *input      // nil without input
	outputs      []*output
	// terminal says that the command has a terminal, so that its input is typed.
	terminal bool
	// linger is how long to wait, after the command has ended, for output of its background processes.
	linger time.Duration
}

// linger is how long the engine waits for output of the background processes that docker exec's
// command left: Wait in moby's daemon/monitor.go.
const linger = 2 * time.Second

// newInherited returns the caller's own streams.
func newInherited() *streams {
	return &streams{command: [3]*os.File{os.Stdin, os.Stdout, os.Stderr}}
}

// newDetached returns the streams of a detached command.
func newDetached(null nullDevice) (*streams, error) {
	in, err := null(os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("open /dev/null: %w", err)
	}
	out, err := null(os.O_WRONLY)
	if err != nil {
		return nil, fmt.Errorf("open /dev/null: %w", err)
	}
	return &streams{command: [3]*os.File{in, out, out}}, nil
}

// newRelayed makes streams between the command and the caller. They belong to the uid owner
// unless it is negative. remote is nil for a local caller.
func newRelayed(p *plan.Plan, null nullDevice, owner int64, remote *Remote) (*streams, error) {
	s := &streams{linger: linger}
	if err := s.makeInput(p.Input, null, owner, remote); err != nil {
		return nil, err
	}
	for i := 1; i <= 2; i++ {
		if err := s.makeOutput(i, null, owner, remote); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// makeInput makes the command's standard input.
func (s *streams) makeInput(wanted bool, null nullDevice, owner int64, remote *Remote) error {
	switch {
	case !wanted:
		return s.makeNull(0, null)
	case remote.null(0):
		return s.makeEmptyInput(owner)
	case remote != nil: // already a pipe; a second one would hide EPIPE
		s.command[0] = os.Stdin
		s.closeAtStart = append(s.closeAtStart, os.Stdin)
		return chown(os.Stdin, owner)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	s.command[0], s.input = r, newInput(w)
	if s.input.regular {
		// To count, at the end, what the command did not read.
		if s.input.commandEnd, err = dupFile(r); err != nil {
			return err
		}
	}
	s.closeAtStart = append(s.closeAtStart, r)
	return s.setUpPipe(r, owner)
}

// makeOutput makes the command's standard output or error.
func (s *streams) makeOutput(i int, null nullDevice, owner int64, remote *Remote) error {
	switch {
	case remote.null(i):
		return s.makeNull(i, null)
	case i == 2 && len(s.outputs) == 1 && s.outputs[0].stream == 1 && remote.sameOutput():
		s.command[2] = s.command[1] // one pipe keeps the order of what is written to one file
		return nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	s.command[i] = w
	s.outputs = append(s.outputs, &output{stream: i, from: r, to: remote.writer(i)})
	s.closeAtStart = append(s.closeAtStart, w)
	return s.setUpPipe(w, owner)
}

// makeEmptyInput makes standard input a pipe without a writer.
func (s *streams) makeEmptyInput(owner int64) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	w.Close()
	s.command[0] = r
	s.closeAtStart = append(s.closeAtStart, r)
	return chown(r, owner)
}

// makeNull makes stream i the null device of the command's own file system. If there is none,
// the stream is a pipe: without a writer for input, read and discarded for output.
func (s *streams) makeNull(i int, null nullDevice) error {
	flag := os.O_WRONLY
	if i == 0 {
		flag = os.O_RDONLY
	}
	f, err := null(flag)
	if err == nil {
		s.command[i] = f
		s.closeAtStart = append(s.closeAtStart, f)
		return nil
	}
	if i == 0 {
		return s.makeEmptyInput(-1)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	s.command[i] = w
	s.outputs = append(s.outputs, &output{stream: i, from: r, to: io.Discard})
	s.closeAtStart = append(s.closeAtStart, w)
	return nil
}

// setUpPipe sets a pipe's owner, and its capacity to the most that unprivileged users may have.
func (s *streams) setUpPipe(pipe *os.File, owner int64) error {
	_, _ = unix.FcntlInt(pipe.Fd(), unix.F_SETPIPE_SZ, pipeSize) // a smaller pipe works too
	return chown(pipe, owner)
}

// chown makes the command's user the owner of a stream, so that the user can open it again, for
// example as /dev/stderr (moby#31243). With a negative owner it does nothing.
func chown(f *os.File, owner int64) error {
	if owner < 0 {
		return nil
	}
	if err := unix.Fchown(int(f.Fd()), int(owner), -1); err != nil && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("change the owner of %s to uid %d: %w", f.Name(), owner, err)
	}
	return nil
}

// start begins to copy. Call it once the command has its ends. It looks for detachKeys in what is typed.
func (s *streams) start(detachKeys []byte, gone, detach *event) {
	for _, f := range s.closeAtStart {
		f.Close()
	}
	if s.terminal && len(s.outputs) > 0 {
		s.outputs[0].from = nonBlocking(s.outputs[0].from)
	}
	if s.input != nil || len(s.outputs) > 0 {
		useProcessors() // package launch started the helper with one
	}
	switch {
	case s.input == nil:
	case s.terminal:
		go s.input.passKeys(&keys{sequence: detachKeys}, gone, detach)
	default:
		go s.input.run()
	}
	for _, o := range s.outputs {
		o.done = make(chan struct{})
		go o.run()
	}
}

// useProcessors lets a few goroutines copy at the same time. Go's scheduler allocates memory for each processor.
func useProcessors() {
	const most = 4 // copy input, output and errors, and wait
	runtime.GOMAXPROCS(min(runtime.NumCPU(), most))
}

// readerGone tells the command that the reader of the caller's stream (1 or 2) is gone.
func (s *streams) readerGone(stream int) {
	for _, o := range s.outputs {
		if o.stream == stream {
			o.notifyReaderGone(unix.EPIPE)
		}
	}
}

// finish copies the output that the command had written when it ended, and gives back the input
// that it did not read. It waits up to s.linger for the output of background processes
// (moby#33039). It does not wait for a reader that has stopped reading once the caller is gone
// or sends a terminating signal, nor for longer than timeout, where 0 is no limit. It fails if
// output could not be written, for example to a full disk.
func (s *streams) finish(gone <-chan struct{}, signalled <-chan os.Signal, timeout time.Duration) error {
	var lost error
	until := time.Now().Add(s.linger)
	late := newEvent()
	if timeout > 0 {
		defer time.AfterFunc(timeout, late.fire).Stop()
	}
	for _, o := range s.outputs {
		_ = o.from.SetReadDeadline(until)
	}
	waits := true
	for _, o := range s.outputs {
		if waits {
			waits = o.awaited(gone, signalled, late)
		}
		if !o.isDone() {
			return nil
		}
		if waits {
			o.drain()
		}
		if o.err != nil && lost == nil {
			lost = fmt.Errorf("output of the command: %w", o.err)
		}
	}
	if s.input != nil && s.input.regular {
		s.input.rewind()
	}
	return lost
}
