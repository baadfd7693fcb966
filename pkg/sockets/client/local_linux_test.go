package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/sockets/message"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing"
)

// helper answers questions on a socket until the client is gone.
func helper(t *testing.T, answer func(q message.Question) (message.Answer, []int)) *Local {
	t.Helper()
	ours, theirs, err := passing.Pair()
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	send := func(a message.Answer, fds []int) {
		text, err := json.Marshal(a)
		if err == nil {
			err = passing.Send(theirs, text, fds)
		}
		if err != nil {
			t.Log(err)
		}
	}
	go func() {
		defer close(over)
		defer theirs.Close()
		send(message.Answer{}, nil)
		buf := make([]byte, passing.MaxMessage)
		for {
			n, _, err := passing.Receive(theirs, buf)
			if err != nil || n == 0 {
				return
			}
			var q message.Question
			if err := json.Unmarshal(buf[:n], &q); err != nil {
				t.Error(err)
				return
			}
			a, fds := answer(q)
			a.ID = q.ID
			send(a, fds)
		}
	}()
	l, err := OpenLocal(t.Context(), ours, func() error { <-over; return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// The descriptors of an answer that comes while its question is given up are closed.
func TestAnswerThatNobodyWaitsFor(t *testing.T) {
	l := helper(t, func(message.Question) (message.Answer, []int) { return message.Answer{}, []int{0} })
	before := descriptors(t)
	const rounds = 3000
	for range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		if r, err := l.ask(ctx, message.Question{Do: message.Make}); err == nil {
			passing.CloseAll(r.fds)
		}
	}
	if r, err := l.ask(t.Context(), message.Question{Do: message.Make}); err == nil { // all others were answered before
		passing.CloseAll(r.fds)
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors, then %d", before, after)
	}
}

// The file of a UNIX socket that is made while nobody wants it any more is removed, although the helper goes on.
func TestListenThatNobodyWaitsFor(t *testing.T) {
	asked, removed := make(chan uint64, 1), make(chan uint64, 1)
	goOn := make(chan struct{})
	l := helper(t, func(q message.Question) (message.Answer, []int) {
		switch q.Do {
		case message.Listen:
			asked <- q.ID
			<-goOn
			return message.Answer{Writer: &message.Writer{}}, []int{0}
		case message.Remove:
			removed <- q.Of
		}
		return message.Answer{}, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := l.Listen(ctx, "unix", "/run/socket")
		failed <- err
	}()
	id := <-asked
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("Listen: %v", err)
	}
	close(goOn)
	if of := <-removed; of != id {
		t.Errorf("the socket of question %d was removed, not that of %d", of, id)
	}
}

// So is that of one whose descriptor did not come. A question that could not be sent is not waited for.
func TestListenWithoutSocket(t *testing.T) {
	removed := make(chan uint64, 2)
	var l *Local
	l = helper(t, func(q message.Question) (message.Answer, []int) {
		switch {
		case q.Do == message.Remove:
			removed <- q.Of
		case q.Path == "/run/lost": // this process has too many open files
			l.deliver(reply{Answer: message.Answer{ID: q.ID, Error: unix.EMFILE.Error(), Errno: int(unix.EMFILE)}, lost: true})
		}
		return message.Answer{}, nil
	})
	for _, path := range []string{"/run/none", "/run/lost"} {
		if _, err := l.Listen(t.Context(), "unix", path); err == nil {
			t.Errorf("%s: there is a socket", path)
		}
		l.mu.Lock()
		last := l.last
		l.mu.Unlock()
		if of := <-removed; of != last && of != last-1 { // it may be asked for already
			t.Errorf("%s: the socket of question %d was removed, the last one is %d", path, of, last)
		}
	}
	if _, err := l.Listen(t.Context(), "unix", strings.Repeat("x", 1<<20)); !errors.Is(err, unix.EMSGSIZE) {
		t.Errorf("a long message: %v", err)
	}
	if _, err := l.ask(t.Context(), message.Question{Do: message.Make}); err != nil { // all others were answered before
		t.Error(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pending) > 0 {
		t.Errorf("%d questions wait for answers", len(l.pending))
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// block makes a socket block, as a process of the container can that has a copy of it.
func block(t *testing.T, fd int) {
	t.Helper()
	if err := unix.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
}

// A process of the container may share a UNIX socket and make it block: that holds nothing up.
func TestSocketThatBlocks(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	listening, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err := errors.Join(err, unix.Bind(listening, &unix.SockaddrUnix{Name: ""}), unix.Listen(listening, 1)); err != nil {
		t.Fatal(err)
	}
	defer passing.CloseAll([]int{pair[0], pair[1], listening})
	l := helper(t, func(q message.Question) (message.Answer, []int) {
		a := message.Answer{Writer: &message.Writer{PID: os.Getpid(), UID: os.Getuid(), GID: os.Getgid()}}
		switch q.Do {
		case message.Connect:
			return a, []int{pair[0]}
		case message.Listen:
			return a, []int{listening}
		}
		return a, nil
	})
	conn, err := l.Dial(t.Context(), "unix", "/s")
	if err != nil {
		t.Fatal(err)
	}
	block(t, pair[0])
	ended := make(chan error, 3)
	go func() { _, err := conn.Read(make([]byte, 1)); ended <- err }()
	go func() { _, err := conn.Write(make([]byte, 16<<20)); ended <- err }()
	listener, err := l.Listen(t.Context(), "unix", "/s")
	if err != nil {
		t.Fatal(err)
	}
	block(t, listening)
	go func() { _, err := listener.Accept(); ended <- err }()
	full(t, pair[0])
	conn.Close()
	listener.Close()
	for range 3 {
		select {
		case err := <-ended:
			if !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Fatal("something waits in the kernel")
		}
	}
}

// full waits until nothing more can be written to a socket.
func full(t *testing.T, fd int) {
	t.Helper()
	for range 6000 {
		if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 0); n == 0 && err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the writer does not write")
}

// A connection that waits has no buffer, and passes on what comes.
func TestUnixConnWriteTo(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	l := helper(t, func(message.Question) (message.Answer, []int) {
		return message.Answer{Writer: &message.Writer{PID: os.Getpid(), UID: os.Getuid(), GID: os.Getgid()}}, []int{pair[0]}
	})
	conn, err := l.Dial(t.Context(), "unix", "/s")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	unix.Close(pair[0])
	text := bytes.Repeat([]byte("text"), 100_000)
	go func() {
		f := os.NewFile(uintptr(pair[1]), "peer")
		_, _ = f.Write(text)
		f.Close()
	}()
	var got bytes.Buffer
	if n, err := conn.(io.WriterTo).WriteTo(&got); err != nil || n != int64(len(text)) || !bytes.Equal(got.Bytes(), text) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// What the helper has said at last arrives, also if it has not read all questions, and if it has ended before anybody
// looks.
func TestHelperEndsWithUnreadQuestions(t *testing.T) {
	for range 200 {
		ours, theirs, err := passing.Pair()
		if err != nil {
			t.Fatal(err)
		}
		for _, message := range []struct {
			to   *os.File
			text string
		}{{ours, `{"id":1}`}, {theirs, `{}`}, {theirs, `{"over":true,"error":"an attack"}`}} {
			if err := passing.Send(message.to, []byte(message.text), nil); err != nil {
				t.Fatal(err)
			}
		}
		theirs.Close()
		l, err := OpenLocal(t.Context(), ours, func() error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if refused, ok := errors.AsType[*RefusedError](l.Err()); !ok || refused.Why != "an attack" {
			t.Fatal(l.Err())
		}
		l.Close()
	}
}

// Many connections at once ask for few sockets, and use all of them but those of one question.
func TestManyTakeFewQuestions(t *testing.T) {
	const all, most = 1000, 64
	var made atomic.Int64
	l := helper(t, func(q message.Question) (message.Answer, []int) {
		fds := make([]int, 0, q.Count)
		for range q.Count {
			fd, err := unix.Socket(q.Family, q.Type|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return message.Answer{Error: err.Error()}, fds
			}
			fds = append(fds, fd)
		}
		made.Add(int64(len(fds)))
		return message.Answer{}, fds
	})
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			for range all / 50 {
				fd, err := l.take(t.Context(), kind{unix.AF_INET, unix.SOCK_STREAM})
				if err != nil {
					t.Error(err)
					return
				}
				unix.Close(fd)
			}
		})
	}
	group.Wait()
	if n := made.Load(); n > all+2*most {
		t.Errorf("%d sockets for %d connections", n, all)
	}
}
