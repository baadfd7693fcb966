package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/message"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing"
)

// Local is a Network whose helper runs on this machine. Its sockets come from there: it connects them itself, and
// no byte passes through the helper.
type Local struct {
	socket *os.File
	wait   func() error
	gone   chan struct{} // closed by the reader
	why    error         // of Err, set before gone is closed
	over   chan struct{} // closed when the helper has ended
	stock  int           // sockets that are asked for at once

	mu      sync.Mutex
	last    uint64
	pending map[uint64]chan reply
	pools   map[kind]*pool
	ended   bool
}

// reply is an answer with its descriptors.
type reply struct {
	message.Answer
	fds  []int
	lost bool // the descriptors did not come
}

// OpenLocal returns the network that a helper on this machine serves on socket. wait waits for the helper's end and returns
// its error. An error of OpenLocal is the helper's; nothing is left then.
func OpenLocal(ctx context.Context, socket *os.File, wait func() error) (*Local, error) {
	l := &Local{
		socket: socket, wait: wait, gone: make(chan struct{}), over: make(chan struct{}),
		pending: make(map[uint64]chan reply), pools: make(map[kind]*pool), stock: stock(),
	}
	ready := make(chan reply, 1)
	l.pending[0] = ready
	go l.read()
	select {
	case <-ready:
	case <-l.gone:
		if len(ready) > 0 { // it has served, and said why it does no more
			break
		}
		l.socket.Close()
		if err := wait(); err != nil {
			return nil, err
		}
		return nil, ErrHelperEnded
	case <-ctx.Done():
		l.socket.Close()
		_ = wait()
		return nil, ctx.Err()
	}
	go l.end()
	return l, nil
}

// read receives the answers until the helper is gone.
func (l *Local) read() {
	defer close(l.gone)
	l.why = ErrHelperEnded
	buf := make([]byte, passing.MaxMessage)
	for {
		n, fds, err := passing.Receive(l.socket, buf)
		if errors.Is(err, unix.ECONNRESET) {
			continue // the helper has closed its socket without reading all questions: what it has said before follows
		}
		lost := errors.Is(err, passing.ErrNoFiles)
		if err != nil && !lost || n == 0 {
			return
		}
		r := reply{fds: fds}
		if json.Unmarshal(buf[:n], &r.Answer) != nil {
			passing.CloseAll(fds)
			return
		}
		if r.Over {
			l.why = whyGone(r.Error)
			return
		}
		if lost && len(fds) == 0 && r.Error == "" {
			r.lost, r.Error, r.Errno = true, unix.EMFILE.Error(), int(unix.EMFILE)
		}
		l.deliver(r)
	}
}

// deliver gives an answer to the one who waits for it. The channel has room for it. It is sent with the lock held, so that
// forget finds either the question or the answer.
func (l *Local) deliver(r reply) {
	l.mu.Lock()
	defer l.mu.Unlock()
	wanted := l.pending[r.ID]
	if wanted == nil {
		passing.CloseAll(r.fds) // nobody waits any more
		return
	}
	delete(l.pending, r.ID)
	wanted <- r
}

// end waits for the helper's end: it keeps nothing of the container's network in use after that.
func (l *Local) end() {
	<-l.gone
	l.mu.Lock()
	l.ended = true
	for _, p := range l.pools {
		passing.CloseAll(p.free)
		p.free = nil
	}
	l.mu.Unlock()
	l.socket.Close()
	_ = l.wait()
	close(l.over)
}

// Most returns 0; see Network.
func (l *Local) Most() int { return 0 }

// Gone is closed when the container's first process, or the helper, has ended.
func (l *Local) Gone() <-chan struct{} { return l.gone }

// Err returns why; see Network.
func (l *Local) Err() error {
	<-l.gone
	return l.why
}

// Close ends the helper and all that it holds.
func (l *Local) Close() error {
	if raw, err := l.socket.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	}
	<-l.over
	return nil
}

// ask asks the helper. Its descriptors are the caller's.
func (l *Local) ask(ctx context.Context, q message.Question) (reply, error) {
	answer := make(chan reply, 1)
	l.mu.Lock()
	l.last++
	q.ID = l.last
	l.pending[q.ID] = answer
	l.mu.Unlock()
	text, err := json.Marshal(q)
	if err == nil {
		err = passing.Send(l.socket, text, nil)
	}
	if err != nil {
		l.forget(message.Question{ID: q.ID}, answer) // the helper has not seen it
		if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
			select { // Gone is to be closed before anybody sees the error
			case <-l.gone:
			case <-ctx.Done():
			}
		}
		return reply{}, errGone(err)
	}
	select {
	case r := <-answer:
		return l.answered(q, r)
	case <-ctx.Done():
		l.forget(q, answer)
		return reply{}, ctx.Err()
	case <-l.gone:
		select {
		case r := <-answer: // it came before the end
			return l.answered(q, r)
		default:
		}
		l.forget(q, answer)
		return reply{}, errGone(syscall.ECONNRESET)
	}
}

// answered returns an answer. What the helper has made and this process could not receive is removed.
func (l *Local) answered(q message.Question, r reply) (reply, error) {
	if r.lost && q.Do == message.Listen {
		go l.remove(q.ID)
	}
	return r, failure(r)
}

// remove has the helper remove the file of the UNIX socket that it has made for the question with this ID.
func (l *Local) remove(id uint64) {
	_, _ = l.ask(context.Background(), message.Question{Do: message.Remove, Of: id})
}

// forget gives an answer up.
func (l *Local) forget(q message.Question, answer chan reply) {
	if q.Do == message.Listen {
		go l.undo(q.ID, answer)
		return
	}
	l.mu.Lock()
	delete(l.pending, q.ID)
	l.mu.Unlock()
	select {
	case r := <-answer:
		passing.CloseAll(r.fds)
	default:
	}
}

// undo waits for the UNIX socket that nobody wants any more, and has the helper remove its file. If the helper ends, it does that
// anyway.
func (l *Local) undo(id uint64, answer chan reply) {
	select {
	case r := <-answer:
		passing.CloseAll(r.fds)
		if r.Error == "" || r.lost {
			l.remove(id)
		}
	case <-l.gone:
		l.forget(message.Question{ID: id}, answer)
	}
}

func errGone(why error) error { return fmt.Errorf("the container's network is gone: %w", why) }

// failure returns the error of an answer.
func failure(r reply) error {
	if r.Error == "" {
		return nil
	}
	passing.CloseAll(r.fds)
	err := error(&remoteError{r.Error, syscall.Errno(r.Errno)})
	if r.Hint != "" {
		err = exit.Hint(err, "%s", r.Hint)
	}
	return err
}

// remoteError is the helper's error.
type remoteError struct {
	text  string
	errno syscall.Errno // 0 for none
}

func (e *remoteError) Error() string { return e.text }

// Unwrap returns the kernel's reason.
func (e *remoteError) Unwrap() error {
	if e.errno == 0 {
		return nil
	}
	return e.errno
}

// Listening returns the container's sockets that wait for connections; see Network.
func (l *Local) Listening(ctx context.Context) (list []sockets.Listening, err error) {
	err = l.document(ctx, message.Question{Do: message.List}, &list)
	return list, err
}

// Programs is Listening with programs; see Network.
func (l *Local) Programs(ctx context.Context) (list []sockets.Listening, err error) {
	err = l.document(ctx, message.Question{Do: message.List, Programs: true}, &list)
	return list, err
}

// Names returns the container's files about names.
func (l *Local) Names(ctx context.Context) (message.Names, error) {
	var names message.Names
	err := l.document(ctx, message.Question{Do: message.Resolve}, &names)
	return names, err
}

// document asks for a file.
func (l *Local) document(ctx context.Context, q message.Question, into any) error {
	const most = 16 << 20
	r, err := l.ask(ctx, q)
	if err != nil {
		return err
	}
	if len(r.fds) != 1 {
		passing.CloseAll(r.fds)
		return errors.New("the helper's answer has no file")
	}
	f := os.NewFile(uintptr(r.fds[0]), "answer")
	defer f.Close()
	return json.NewDecoder(io.NewSectionReader(f, 0, most)).Decode(into)
}
