//go:build linux

// Package multiplexer runs helpers for a client that has one connection, to a container of the engine or to a process beside
// the client: each has a stream of package frame/streams. The multiplexer passes bytes on, and reads none of them.
package multiplexer

import (
	"errors"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/frame"
	"github.com/nsjoin/docker-nsjoin/pkg/frame/streams"
	"github.com/nsjoin/docker-nsjoin/pkg/pooled"
)

// budget is how many bytes of all streams may wait for helpers beyond the first credit of each: helpers read at all times.
const budget = 4 << 20

// Start starts a helper with the standard streams stdio and no more than capabilities, bit N for number N. It returns the
// number of the process, which is a child.
type Start func(capabilities uint64, stdio [3]*os.File) (pid int, err error)

// endTimeout is how long helpers may take to end when the client has ended: a command has ten seconds until it is killed,
// and its record may have to wait. One that takes longer cannot end, for example because a file system does not answer.
const endTimeout = 30 * time.Second

// Serve starts a helper for each stream that the client opens. Frames come from in and go to out. When the client has
// ended, or is silent for a minute, or nothing can be sent to it, the standard inputs of all helpers end, so that
// they end their commands, and Serve waits for the helpers, at most 30 seconds. It
// says to a silent client why it ends, which is no error. A read of in may still wait when it returns.
func Serve(start Start, in io.Reader, out io.Writer) error {
	return serve(start, in, out, endTimeout)
}

func serve(start Start, in io.Reader, out io.Writer, timeout time.Duration) error {
	s := &server{start: start}
	s.buffers.New = func() any { return new(buffer) }
	s.mux = streams.New(streams.Config{Role: streams.Helper, To: out, Serve: s.serve, Budget: budget, Silent: "the client was silent for a minute"})
	go func() { _ = s.mux.Feed(in) }()
	<-s.mux.Done()
	s.mux.WaitServed(timeout)
	err := s.mux.Err()
	if err == io.EOF || err == streams.ErrTimeout { //nolint:errorlint // they are never wrapped
		return nil
	}
	return err
}

type server struct {
	start   Start
	mux     *streams.Mux
	buffers sync.Pool // *buffer
}

// buffer has a record of package frame.
type buffer [frame.OutputHeader + frame.MaxOutput]byte

// serve runs the helper of a stream.
func (s *server) serve(stream *streams.Stream) {
	capabilities, err := strconv.ParseUint(stream.Address(), 16, 64)
	if err != nil || stream.Network() != streams.Command {
		stream.Refuse(int(unix.EINVAL), "not a command")
		return
	}
	h, err := s.begin(capabilities)
	if err != nil {
		errno, _ := errors.AsType[unix.Errno](err)
		stream.Refuse(int(errno), err.Error())
		return
	}
	stream.Accept("")
	// The helper's standard input ends with the stream, whatever ends that, and when the client hangs up. A helper that waits
	// for a file system notices the end only if that does not come after what it has not read. It wakes up a write, too.
	stream.OnOver(func(bool) { h.in.Close() })
	stream.OnEnd(func() { h.in.Close() })
	go func() {
		if _, err := stream.WriteTo(h.in); err != nil {
			stream.Discard() // the helper has ended, and the client does not know yet, or has hung up
		}
		h.in.Close()
	}()
	var both sync.WaitGroup
	both.Go(func() { s.pass(stream, h.out, frame.Stdout) })
	both.Go(func() { s.pass(stream, h.errs, frame.Stderr) })
	both.Wait()
	var last [frame.OutputHeader + 4]byte
	frame.PutOutput(last[:], frame.Ended, 4)
	status := h.wait()
	last[4], last[5], last[6], last[7] = byte(status>>24), byte(status>>16), byte(status>>8), byte(status)
	_, _ = stream.Write(last[:])
	stream.Close()
}

// helper is one that was started.
type helper struct {
	pid           int
	in, out, errs *os.File
}

func (s *server) begin(capabilities uint64) (h helper, err error) {
	var theirs [3]*os.File
	defer func() {
		closeAll(theirs[:])
		if err != nil {
			closeAll([]*os.File{h.in, h.out, h.errs})
		}
	}()
	if theirs[0], h.in, err = os.Pipe(); err != nil {
		return h, err
	}
	if h.out, theirs[1], err = os.Pipe(); err != nil {
		return h, err
	}
	if h.errs, theirs[2], err = os.Pipe(); err != nil {
		return h, err
	}
	h.pid, err = s.start(capabilities, theirs)
	return h, err
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// wait waits for the helper, which has closed its outputs, and returns its wait status.
func (h helper) wait() uint32 {
	var status unix.WaitStatus
	for {
		if _, err := unix.Wait4(h.pid, &status, 0, nil); !errors.Is(err, unix.EINTR) {
			return uint32(status)
		}
	}
}

// pass passes on what the helper writes, in records. It takes a buffer only when there is credit and something to read.
// Once the stream has ended, the rest is dropped, so that the helper does not wait.
func (s *server) pass(stream *streams.Stream, from *os.File, kind frame.Output) {
	defer from.Close()
	raw, err := from.SyscallConn()
	for err == nil {
		room, over := stream.Room()
		if over != nil {
			room = frame.MaxOutput
		}
		var buf *buffer
		var n int
		buf, n, err = pooled.Read(raw, &s.buffers, func(fd int, b *buffer) (int, error) {
			return unix.Read(fd, b[frame.OutputHeader:frame.OutputHeader+min(room, frame.MaxOutput)])
		})
		if n > 0 && over == nil {
			frame.PutOutput(buf[:], kind, n)
			_, _ = stream.Write(buf[:frame.OutputHeader+n])
		}
		if buf != nil {
			s.buffers.Put(buf)
		}
		if n <= 0 {
			return
		}
	}
}
