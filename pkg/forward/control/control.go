// Package control lets the calls of a user find, show and end the forwards of that user's other calls. Each call that
// forwards has a record and a UNIX socket in the user's state directory.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward"
	"github.com/nsjoin/docker-nsjoin/pkg/peercred"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// Request is what one call asks another.
type Request struct {
	// End has the IDs of the forwards to end.
	End []string `json:"end,omitempty"`
}

// Answer is what a call that forwards says about itself.
type Answer struct {
	PID        int              `json:"pid"`
	Background bool             `json:"background,omitempty"`
	Context    string           `json:"context,omitempty"`
	Forwards   []forward.Status `json:"forwards"`
}

// Session is a call that forwards.
type Session interface {
	Status() []forward.Status
	End(ids []string)
}

const (
	// answerWithin is how long a call may take to ask or to answer.
	answerWithin = 5 * time.Second
	// mostAnswer is the most bytes of an answer.
	mostAnswer = 4 << 20
)

// Served is a call's record and socket.
type Served struct {
	record *state.Record
	socket net.Listener
	about  Answer
	ended  sync.WaitGroup
}

// Record makes the record of a call, with its socket. Serve answers there; Close removes both.
func Record(dir *state.Dir, e state.Entry, background bool) (*Served, error) {
	record, err := dir.Add(state.Forward, e)
	if err != nil {
		return nil, err
	}
	socket, err := record.Listen()
	if err != nil {
		record.Remove()
		return nil, err
	}
	return &Served{record: record, socket: socket, about: Answer{PID: os.Getpid(), Background: background, Context: e.Context}}, nil
}

// Serve answers the user's other calls until Close. It does nothing if s is nil.
func (s *Served) Serve(session Session) {
	if s == nil {
		return
	}
	s.ended.Go(func() {
		for {
			conn, err := s.socket.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				time.Sleep(time.Second) // such as too many open files
				continue
			}
			s.ended.Go(func() {
				defer conn.Close()
				s.answer(conn, session)
			})
		}
	})
}

func (s *Served) answer(conn net.Conn, session Session) {
	_ = conn.SetDeadline(time.Now().Add(answerWithin))
	if checkPeer(conn) != nil {
		return
	}
	const mostRequest = 64 << 10
	var r Request
	if err := json.NewDecoder(&limited{conn, mostRequest}).Decode(&r); err != nil {
		return
	}
	session.End(r.End)
	a := s.about
	a.Forwards = session.Status()
	_ = json.NewEncoder(conn).Encode(a)
}

// Others returns a function that asks the user's other calls for their forwards, until ctx ends: a call that does not answer is
// left out.
func (s *Served) Others(dir *state.Dir) func(ctx context.Context) []forward.Status {
	return func(ctx context.Context) (list []forward.Status) {
		entries, _ := dir.List(state.Forward)
		entries = slices.DeleteFunc(entries, func(e state.Entry) bool { return s != nil && e.Name == s.record.Name })
		for _, a := range askAll(ctx, dir, entries) {
			if a.err == nil {
				list = append(list, a.Forwards...)
			}
		}
		return list
	}
}

// Close removes the record and the socket. It does nothing if s is nil.
func (s *Served) Close() {
	if s == nil {
		return
	}
	s.socket.Close()
	s.ended.Wait()
	s.record.Remove()
}

// Sweep removes what calls have left that were killed: their records, control sockets, and UNIX sockets.
func Sweep(dir *state.Dir) {
	abandoned, err := dir.Abandoned(state.Forward, func(state.Entry) bool { return true })
	if err != nil {
		return
	}
	for _, record := range abandoned {
		removeSockets(record)
		record.Remove()
	}
}

// Call is another call of the user's that forwards.
type Call struct {
	Answer

	dir  *state.Dir
	name string
}

// Calls returns the user's calls that forward, on all engines. A call that does not answer until ctx ends, or for too long, is
// left out, and said in silent.
func Calls(ctx context.Context, dir *state.Dir) (list []Call, silent []error, err error) {
	Sweep(dir)
	entries, err := dir.List(state.Forward)
	if err != nil {
		return nil, nil, err
	}
	for i, a := range askAll(ctx, dir, entries) {
		if a.err != nil {
			if errors.Is(ctx.Err(), context.Canceled) { // the call did not have the time that silence says
				return nil, nil, context.Cause(ctx)
			}
			silent = append(silent, silence(&entries[i], a.err))
			continue
		}
		list = append(list, a.Call)
	}
	return list, silent, nil
}

// silence is the error of a call that does not answer.
func silence(e *state.Entry, err error) error {
	began := e.Began.Local().Format(time.DateTime)
	if e.PID == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("a call that began at %s does not answer: %w", began, err)
	}
	return fmt.Errorf("process %d, which began at %s, does not answer: if it is suspended, kill -CONT %d lets it go on; kill -9 %d ends it",
		e.PID, began, e.PID, e.PID)
}

// mostAsked is how many calls are asked at a time.
const mostAsked = 256

// asked is a call that was asked, with its answer, or why there is none.
type asked struct {
	Call

	err error
}

// askAll asks calls at the same time: those that are suspended take as long as one. The answers are in the order of entries.
func askAll(ctx context.Context, dir *state.Dir, entries []state.Entry) []asked {
	list, turns := make([]asked, len(entries)), make(chan struct{}, mostAsked)
	var asking sync.WaitGroup
	for i, e := range entries {
		turns <- struct{}{}
		asking.Go(func() {
			defer func() { <-turns }()
			a := &list[i]
			a.dir, a.name = dir, e.Name
			a.Answer, a.err = a.ask(ctx, Request{})
		})
	}
	asking.Wait()
	return list
}

// End ends forwards of the call by their IDs.
func (c *Call) End(ids []string) error {
	_, err := c.ask(context.Background(), Request{End: ids})
	return err
}

// ask asks the call, which may take until ctx ends, but not longer than answerWithin.
func (c *Call) ask(ctx context.Context, r Request) (Answer, error) {
	var a Answer
	conn, err := c.dir.Dial(state.Forward, c.name)
	if err != nil {
		return a, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(answerWithin))
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if err := checkPeer(conn); err != nil {
		return a, err
	}
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		return a, err
	}
	return a, json.NewDecoder(&limited{conn, mostAnswer}).Decode(&a)
}

// checkPeer checks that the other side is this user's, where the system can tell.
func checkPeer(conn net.Conn) error {
	uid, known, err := peercred.Of(conn)
	if err != nil {
		return err
	}
	if known && uint64(uid) != uint64(os.Geteuid()) {
		return fmt.Errorf("the process at the socket belongs to uid %d", uid)
	}
	return nil
}

// limited reads at most left bytes.
type limited struct {
	conn net.Conn
	left int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left == 0 {
		return 0, errors.New("too long")
	}
	n, err := l.conn.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}
