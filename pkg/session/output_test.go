//go:build linux

package session

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// oneOutput is one stream, from a pipe to a file, and the command's end of it.
func oneOutput(t *testing.T) (s *streams, theirs, file *os.File) {
	t.Helper()
	r, w := pipe(t)
	file = create(t)
	return &streams{outputs: []*output{{from: r, to: to(file)}}}, w, file
}

// finished calls finish, which must not wait for who holds the pipe.
func finished(t *testing.T, s *streams) {
	t.Helper()
	done := make(chan struct{})
	go func() { _ = s.finish(nil, nil, 0); close(done) }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("finish waits for who holds the pipe open")
	}
}

func TestRelayMovesEverything(t *testing.T) {
	s, theirs, file := oneOutput(t)
	s.closing = []*os.File{theirs}
	command, err := unix.FcntlInt(theirs.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	held := os.NewFile(uintptr(command), "the command's")
	s.start(nil, newOnce(), newOnce())
	if _, err := theirs.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the command's end is not closed here: %v", err)
	}
	want := strings.Repeat("0123456789abcdef", 1<<18) // 4 MiB, many times what a pipe holds
	if _, err := held.WriteString(want); err != nil {
		t.Fatal(err)
	}
	held.Close()
	finished(t, s)
	expect(t, file, want)
}

func TestFinishDoesntWaitForABackgroundChild(t *testing.T) {
	s, theirs, file := oneOutput(t) // and theirs stays open
	s.start(nil, newOnce(), newOnce())
	want := strings.Repeat("last words\n", 1<<15)
	if _, err := theirs.WriteString(want); err != nil {
		t.Fatal(err)
	}
	finished(t, s)
	expect(t, file, want)
}

// The relay may be stopped before it moved anything.
func TestFinishDrainsWhatTheRelayLeft(t *testing.T) {
	s, theirs, file := oneOutput(t)
	stopped := make(chan struct{})
	close(stopped)
	s.outputs[0].done = stopped
	want := strings.Repeat("x", 60<<10) // most of what a pipe holds
	if _, err := theirs.WriteString(want); err != nil {
		t.Fatal(err)
	}
	finished(t, s)
	expect(t, file, want)
}

func TestFinishOfSilentStreams(t *testing.T) {
	s, _, file := oneOutput(t)
	s.start(nil, newOnce(), newOnce())
	finished(t, s)
	expect(t, file, "")
	finished(t, &streams{})
}

// A command that writes to a pipe whose reader left gets EPIPE, as by itself.
func TestCommandLearnsThatNobodyReads(t *testing.T) {
	from, theirs := pipe(t)
	gone, to := pipe(t)
	gone.Close()
	s := &streams{outputs: []*output{{from: from, to: descriptor(to.Fd())}}}
	s.start(nil, newOnce(), newOnce())
	if _, err := theirs.WriteString("to nobody"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.outputs[0].done:
	case <-time.After(30 * time.Second):
		t.Fatal("the relay goes on")
	}
	if _, err := theirs.WriteString("x"); !errors.Is(err, unix.EPIPE) {
		t.Errorf("the command's next write: %v, want %v", err, unix.EPIPE)
	}
	finished(t, s)
}

// Who reads the output may have stopped. After a signal to end that is waited for only so long:
// the call stayed until the Docker CLI was killed.
func TestFinishWaitsForNoReaderForEver(t *testing.T) {
	from, theirs := pipe(t)
	reader, full := pipe(t) // which nobody reads
	s := &streams{outputs: []*output{{from: from, to: descriptor(full.Fd())}}}
	s.start(nil, newOnce(), newOnce())
	if _, err := theirs.Write(make([]byte, 160<<10)); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = s.finish(nil, nil, time.Millisecond); close(done) }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("finish waits for who does not read")
	}
	reader.Close()
	<-s.outputs[0].done
}

func TestInputEndsForTheCommandToo(t *testing.T) {
	file := create(t)
	want := strings.Repeat("input\n", 1<<16)
	if _, err := file.WriteString(want); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	theirs, w := pipe(t)
	s := &streams{input: inputOf(file, w)}
	s.start(nil, newOnce(), newOnce())
	if err := theirs.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(theirs)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("the command reads %d bytes of %d", len(got), len(want))
	}
}
