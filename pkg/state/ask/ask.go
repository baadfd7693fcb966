// Package ask lets a call ask the user's other calls, through the UNIX sockets beside their records, and answer them.
package ask

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/peercred"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

const (
	// mostQuestion and mostAnswer are the most bytes of a question and of an answer.
	mostQuestion = 64 << 10
	mostAnswer   = 4 << 20
	// atOnce is how many calls are asked at a time.
	atOnce = 256
)

// Record is the record of another call.
type Record struct {
	state.Entry

	in *state.Dir
}

// Records lists the records of a kind in all directories of the user, each once.
func Records(dir *state.Dir, kind state.Kind) ([]Record, error) {
	entries, err := dir.List(kind)
	if err != nil {
		return nil, err
	}
	var list []Record
	known := make(map[string]bool)
	add := func(entries []state.Entry, in *state.Dir) {
		for _, e := range entries {
			if !known[e.Name] {
				known[e.Name], list = true, append(list, Record{e, in})
			}
		}
	}
	add(entries, dir)
	for _, other := range dir.Elsewhere() {
		entries, _ := other.List(kind) // which may not be suitable
		add(entries, &other)
	}
	return list, nil
}

// Abandoned takes over the wanted records of calls that were killed, in all directories of the user.
func Abandoned(dir *state.Dir, kind state.Kind, wanted func(state.Entry) bool) ([]*state.Record, error) {
	list, err := dir.Abandoned(kind, wanted)
	for _, other := range dir.Elsewhere() {
		more, _ := other.Abandoned(kind, wanted)
		list = append(list, more...)
	}
	return list, err
}

// All calls ask for each record, for up to 256 of them at the same time: calls that are suspended take as long as one. The
// answers are in the order of the records.
func All[A any](records []Record, ask func(r *Record) A) []A {
	answers, turns := make([]A, len(records)), make(chan struct{}, atOnce)
	var asking sync.WaitGroup
	for i := range records {
		turns <- struct{}{}
		asking.Go(func() {
			defer func() { <-turns }()
			answers[i] = ask(&records[i])
		})
	}
	asking.Wait()
	return answers
}

// Call returns the call that has the record.
func (r *Record) Call(kind state.Kind) Call { return Call{r.in, kind, r.Name} }

// Call is a call that has a record.
type Call struct {
	in   *state.Dir
	kind state.Kind
	name string
}

// ErrEnded says that a call has ended meanwhile.
var ErrEnded = errors.New("the call has ended")

const (
	// beginsWithin is how long a call may take between making its record and answering.
	beginsWithin = 2 * time.Second
	againAfter   = 20 * time.Millisecond
)

// Ask asks the call as Exchange does. The caller closes the connection, on which it may ask again, unless there is an error. One
// that has just begun is waited for; ErrEnded is returned for one that has ended, and no record is left.
func (c Call) Ask(ctx context.Context, within time.Duration, question, answer any) (net.Conn, error) {
	for began := time.Now(); ; time.Sleep(againAfter) {
		conn, err := c.askOnce(ctx, within, question, answer)
		switch {
		case err == nil || ctx.Err() != nil || !isAbsent(err):
			return conn, err
		case !c.isThere():
			return nil, ErrEnded
		case time.Since(began) > beginsWithin:
			return nil, err
		}
	}
}

func (c Call) askOnce(ctx context.Context, within time.Duration, question, answer any) (net.Conn, error) {
	conn, err := c.in.Dial(c.kind, c.name)
	if err != nil {
		return nil, err
	}
	if err := Exchange(ctx, conn, within, question, answer); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// isThere reports whether the call still has its record.
func (c Call) isThere() bool {
	entries, err := c.in.List(c.kind)
	return err != nil || slices.ContainsFunc(entries, func(e state.Entry) bool { return e.Name == c.name })
}

// isAbsent reports whether an error says that nobody answers at a socket. A call that gives no answer in time, or to whom too many
// wait already, is there.
func isAbsent(err error) bool {
	for _, sign := range []error{fs.ErrNotExist, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, io.EOF} {
		if errors.Is(err, sign) {
			return true
		}
	}
	return false
}

// Exchange sends a question, and reads the answer, which may take until ctx ends, but not longer than within. It gives a call of
// another user neither a question nor time.
func Exchange(ctx context.Context, conn net.Conn, within time.Duration, question, answer any) error {
	_ = conn.SetDeadline(time.Now().Add(within))
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if err := checkPeer(conn); err != nil {
		return err
	}
	if err := json.NewEncoder(conn).Encode(question); err != nil {
		return err
	}
	return receive(conn, mostAnswer, answer)
}

// Serve calls answer for each call that asks at a socket, until that is closed. What keeps it from accepting one, such as too many
// open files, ends it for none. It returns when all calls of answer have returned.
func Serve(socket net.Listener, answer func(conn net.Conn)) {
	var answering sync.WaitGroup
	defer answering.Wait()
	for {
		conn, err := socket.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(acceptAgain)
			continue
		}
		answering.Go(func() {
			defer conn.Close()
			answer(conn)
		})
	}
}

// acceptAgain is when Serve tries again to accept a connection.
const acceptAgain = 100 * time.Millisecond

// Receive reads the question of another call of this user, which may take the time within.
func Receive(conn net.Conn, within time.Duration, question any) error {
	_ = conn.SetDeadline(time.Now().Add(within))
	if err := checkPeer(conn); err != nil {
		return err
	}
	return receive(conn, mostQuestion, question)
}

// Answer sends an answer, which may take the time within.
func Answer(conn net.Conn, within time.Duration, answer any) error {
	_ = conn.SetDeadline(time.Now().Add(within))
	return json.NewEncoder(conn).Encode(answer)
}

func receive(conn net.Conn, most int, to any) error {
	return json.NewDecoder(&limited{conn, most}).Decode(to)
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
