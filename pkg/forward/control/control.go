// Package control lets the calls of a user find, show and end the forwards of that user's other calls. Each call that
// forwards has a record and a UNIX socket in the user's state directory.
package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
	"github.com/nsjoin/docker-nsjoin/pkg/state/ask"
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

// answerWithin is how long a call may take to ask or to answer.
const answerWithin = 5 * time.Second

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
	s.ended.Go(func() { ask.Serve(s.socket, func(conn net.Conn) { s.answer(conn, session) }) })
}

func (s *Served) answer(conn net.Conn, session Session) {
	var r Request
	if err := ask.Receive(conn, answerWithin, &r); err != nil {
		return
	}
	session.End(r.End)
	a := s.about
	a.Forwards = session.Status()
	_ = ask.Answer(conn, answerWithin, a)
}

// Others returns a function that asks the user's other calls for their forwards, until ctx ends: a call that does not answer is
// left out.
func (s *Served) Others(dir *state.Dir) func(ctx context.Context) []forward.Status {
	return func(ctx context.Context) (list []forward.Status) {
		records, _ := ask.Records(dir, state.Forward)
		records = slices.DeleteFunc(records, func(r ask.Record) bool { return s != nil && r.Name == s.record.Name })
		for _, a := range askAll(ctx, records) {
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
	abandoned, _ := ask.Abandoned(dir, state.Forward, func(state.Entry) bool { return true })
	for _, record := range abandoned {
		removeSockets(record)
		record.Remove()
	}
}

// Call is another call of the user's that forwards.
type Call struct {
	Answer

	at ask.Call
}

// Calls returns the user's calls that forward, on all engines. A call that does not answer until ctx ends, or for too long, is
// left out, and said in silent.
func Calls(ctx context.Context, dir *state.Dir) (list []Call, silent []error, err error) {
	Sweep(dir)
	records, err := ask.Records(dir, state.Forward)
	if err != nil {
		return nil, nil, err
	}
	for i, a := range askAll(ctx, records) {
		switch {
		case a.err == nil:
			list = append(list, a.Call)
		case errors.Is(ctx.Err(), context.Canceled): // the call did not have the time that silence says
			return nil, nil, context.Cause(ctx)
		case !errors.Is(a.err, ask.ErrEnded):
			silent = append(silent, silence(&records[i].Entry, a.err))
		}
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

// asked is a call that was asked, with its answer, or why there is none.
type asked struct {
	Call

	err error
}

// askAll asks calls at the same time. The answers are in the order of records.
func askAll(ctx context.Context, records []ask.Record) []asked {
	return ask.All(records, func(r *ask.Record) asked {
		a := asked{Call: Call{at: r.Call(state.Forward)}}
		a.Answer, a.err = a.ask(ctx, Request{})
		return a
	})
}

// mostIDs is how many IDs a question has: it is limited in bytes.
const mostIDs = 1000

// End ends forwards of the call by their IDs.
func (c *Call) End(ids []string) error {
	for some := range slices.Chunk(ids, mostIDs) {
		if _, err := c.ask(context.Background(), Request{End: some}); err != nil {
			return err
		}
	}
	return nil
}

// ask asks the call, which may take until ctx ends, but not longer than answerWithin.
func (c *Call) ask(ctx context.Context, r Request) (a Answer, err error) {
	conn, err := c.at.Ask(ctx, answerWithin, r, &a)
	if err != nil {
		return a, err
	}
	return a, conn.Close()
}
