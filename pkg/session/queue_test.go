//go:build linux

package session

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/frame"
	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

// newTestQueue returns a queue to a pipe of 64 KiB, and the command's end.
func newTestQueue(t *testing.T) (q *queue, command *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return newQueue(w, frame.Window), r
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 >> 3)
	}
	return b
}

// What the pipe has no room for is held and comes later, in order, whatever the sizes of the parts are.
func TestQueueHoldsWhatThePipeHasNoRoomFor(t *testing.T) {
	q, command := newTestQueue(t)
	want := pattern(5 << 20)
	for rest, n := want, 1; len(rest) > 0; n = n*3%frame.MaxSize + 1 {
		part := rest[:min(n, len(rest))]
		if !q.add(part) {
			t.Fatal("the window is exceeded")
		}
		rest = rest[len(part):]
	}
	if q.written == 0 || q.written+int64(q.held) != int64(len(want)) {
		t.Errorf("%d bytes are written and %d held, of %d", q.written, q.held, len(want))
	}
	q.end()
	var reports []int64
	go q.drain(func(total int64) { reports = append(reports, total) })
	got, err := io.ReadAll(command)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d of %d bytes came, or others: %v", len(got), len(want), err)
	}
	<-q.done
	if len(reports) != 1 || reports[0] < frame.Window/4 || q.held != 0 {
		t.Errorf("reported %d, %d bytes held", reports, q.held)
	}
}

// What the pipe has room for is written by add itself, and reported by drain.
func TestQueueWritesAtOnce(t *testing.T) {
	q, command := newTestQueue(t)
	reported := make(chan int64, 10)
	go q.drain(func(total int64) { reported <- total })
	go func() { _, _ = io.Copy(io.Discard, command) }()
	for sent := 0; sent < frame.Window/4; sent += frame.Whole {
		if !q.add(pattern(frame.Whole)) {
			t.Fatal("the window is exceeded")
		}
	}
	if total := <-reported; total < frame.Window/4 {
		t.Errorf("%d bytes are reported", total)
	}
	q.end()
	<-q.done
}

func TestQueueAllowsOneWindow(t *testing.T) {
	q, _ := newTestQueue(t)
	part := pattern(frame.MaxSize)
	for sent := 0; sent < frame.Window; sent += len(part) {
		if !q.add(part) {
			t.Fatalf("refused after %d bytes", sent)
		}
	}
	inPipe := q.add(part) // unless the pipe has room
	if inPipe && q.add(part) {
		t.Error("more than the window and the pipe is accepted")
	}
}

func TestQueueOfClosedInput(t *testing.T) {
	q, command := newTestQueue(t)
	command.Close()
	for range 2 {
		if !q.add([]byte("dropped")) {
			t.Error("input for nobody is an error")
		}
	}
	var reports []int64
	q.drain(func(total int64) { reports = append(reports, total) })
	if len(reports) != 1 || reports[0] != allConsumed {
		t.Errorf("reported %d", reports)
	}
}

// stop does not wait for a drain that was not begun, nor for a command that does not read.
func TestQueueStops(t *testing.T) {
	q, _ := newTestQueue(t)
	if n := q.stop(); n != 0 {
		t.Errorf("%d bytes", n)
	}
	q, command := newTestQueue(t)
	q.add(pattern(1 << 20))
	go q.drain(func(int64) {})
	for written := false; !written; { // drain is waiting for room
		q.mu.Lock()
		written = q.draining
		q.mu.Unlock()
	}
	n := q.stop()
	if unread := stdio.UnreadBytes(command); int64(unread) != n {
		t.Errorf("%d bytes are written, %d are in the pipe", n, unread)
	}
}
