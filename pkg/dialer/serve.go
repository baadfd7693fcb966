//go:build linux

package dialer

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/memfd"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/message"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing"
)

const (
	// maxQuestions is how many questions are answered at once. A client that asks more waits.
	maxQuestions = 64
	// maxUnix is how many questions for a UNIX socket may wait for the container: as many as connections through the engine
	// (streams.Limit). More are refused: a server there that accepts nothing holds up no other question.
	maxUnix = 4096
)

// server answers a client on this machine.
type server struct {
	dialer *Dialer
	socket *os.File
	places chan struct{}
	unix   chan struct{} // places of questions for a UNIX socket

	mu    sync.Mutex
	bound map[uint64]func() // removes a bound socket, by the ID of the question
}

// Serve answers the client on socket until it has gone or the dialer has ended. The client is told why; the error is that of
// Err then.
func (d *Dialer) Serve(socket *os.File) error {
	fd, err := unix.FcntlInt(socket.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("the client's socket: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return fmt.Errorf("the client's socket: %w", err)
	}
	socket.Close()
	s := &server{
		dialer: d, socket: os.NewFile(uintptr(fd), "client"), bound: make(map[uint64]func()),
		places: make(chan struct{}, maxQuestions), unix: make(chan struct{}, maxUnix),
	}
	defer s.socket.Close()
	go func() {
		<-d.Ended()
		_ = unix.Shutdown(fd, unix.SHUT_RD) // wakes the reader
	}()
	s.answer(message.Answer{}, nil)
	buf := make([]byte, passing.MaxMessage)
	for {
		n, fds, err := passing.Receive(s.socket, buf)
		for _, fd := range fds {
			unix.Close(fd) // a client passes none
		}
		switch {
		case d.isEnded():
			last := message.Answer{Over: true}
			if err := d.Err(); err != nil {
				last.Error = err.Error()
			}
			s.answer(last, nil)
			return d.Err()
		case err != nil && !errors.Is(err, unix.ECONNRESET):
			return fmt.Errorf("the client's socket: %w", err)
		case n == 0 || err != nil:
			return nil
		}
		var q message.Question
		if err := json.Unmarshal(buf[:n], &q); err != nil || q.ID == 0 {
			return fmt.Errorf("the client's message is invalid: %w", err)
		}
		s.begin(q)
	}
}

// begin answers a question in a goroutine of its own.
func (s *server) begin(q message.Question) {
	places := s.places
	if q.Do == message.Connect || q.Do == message.Listen {
		places = s.unix
		select {
		case places <- struct{}{}:
		default:
			s.done(message.Answer{ID: q.ID}, fmt.Errorf("UNIX socket %q in %q: %d others wait already: %w", q.Path, s.dialer.Plan.Target, maxUnix, unix.EAGAIN))
			return
		}
	} else {
		places <- struct{}{}
	}
	go func() {
		defer func() { <-places }()
		s.do(q)
	}()
}

// do answers a question.
func (s *server) do(q message.Question) {
	switch a := (message.Answer{ID: q.ID}); q.Do {
	case message.Make:
		fds, err := s.dialer.Sockets(q.Family, q.Type, 0, min(max(1, q.Count), passing.MaxFiles))
		s.done(a, err, fds...)
	case message.Connect:
		fd, err := s.dialer.ConnectUnix(q.Path, q.Type)
		s.doneUnix(a, err, fd)
	case message.Listen:
		fd, remove, err := s.dialer.ListenUnix(q.Path, q.Type)
		if err == nil {
			s.mu.Lock()
			s.bound[q.ID] = remove
			s.mu.Unlock()
		}
		s.doneUnix(a, err, fd)
	case message.Remove:
		s.mu.Lock()
		remove := s.bound[q.Of]
		delete(s.bound, q.Of)
		s.mu.Unlock()
		if remove != nil {
			remove()
		}
		s.done(a, nil)
	case message.List:
		list, err := s.dialer.Listening(q.Programs)
		s.doneDocument(a, err, list)
	case message.Resolve:
		s.doneDocument(a, nil, s.dialer.Names())
	default:
		s.done(a, fmt.Errorf("unknown task %q", q.Do))
	}
}

func (s *server) doneUnix(a message.Answer, err error, fd int) {
	if err != nil {
		s.done(a, err)
		return
	}
	if w, ok := s.dialer.Writer(); ok {
		a.Writer = &w
	}
	s.done(a, nil, fd)
}

// doneDocument answers with a file: it may be larger than a message.
func (s *server) doneDocument(a message.Answer, err error, document any) {
	if err != nil {
		s.done(a, err)
		return
	}
	f, err := memfd.Create("docker-nsjoin-answer", unix.MFD_NOEXEC_SEAL)
	if err == nil {
		err = json.NewEncoder(f).Encode(document)
	}
	if err != nil {
		s.done(a, err)
		return
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	f.Close()
	if err != nil {
		s.done(a, err)
		return
	}
	s.done(a, nil, fd)
}

// done sends an answer and closes the descriptors.
func (s *server) done(a message.Answer, err error, fds ...int) {
	if err != nil {
		if s.dialer.isEnded() {
			return // the client is told why that is
		}
		a.Error = err.Error()
		if known, ok := errors.AsType[*exit.Error](err); ok {
			a.Hint = known.Hint
		}
		if errno, ok := errors.AsType[unix.Errno](err); ok {
			a.Errno = int(errno)
		}
	}
	s.answer(a, fds)
	for _, fd := range fds {
		unix.Close(fd)
	}
}

func (s *server) answer(a message.Answer, fds []int) {
	text, err := json.Marshal(a)
	if err == nil && len(text) > passing.MaxMessage {
		a.Error = a.Error[:1<<10]
		text, err = json.Marshal(a)
	}
	if err == nil {
		_ = passing.Send(s.socket, text, fds) // the client is gone: the reader notices it
	}
}
