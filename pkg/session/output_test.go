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

// newOutputTest returns streams with one output, from a pipe to a file, and the command's end of the pipe.
func newOutputTest(t *testing.T) (s *streams, command, file *os.File) {
	t.Helper()
	r, w := pipe(t)
	file = createAppendFile(t)
	return &streams{outputs: []*output{{from: r, to: outputTo(file)}}}, w, file
}

// finish calls streams.finish, which must not wait until the pipe is closed.
func finish(t *testing.T, s *streams) {
	t.Helper()
	done := make(chan struct{})
	go func() { _ = s.finish(nil, nil, 0); close(done) }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("finish waits until the pipe is closed")
	}
}

func TestOutputIsCopiedCompletely(t *testing.T) {
	s, command, file := newOutputTest(t)
	s.closeAtStart = []*os.File{command}
	fd, err := unix.FcntlInt(command.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	childEnd := os.NewFile(uintptr(fd), "the command's")
	s.start(nil, newEvent(), newEvent())
	if _, err := command.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("start has not closed the command's end: %v", err)
	}
	want := strings.Repeat("0123456789abcdef", 1<<18) // 4 MiB, more than a pipe holds
	if _, err := childEnd.WriteString(want); err != nil {
		t.Fatal(err)
	}
	childEnd.Close()
	finish(t, s)
	expectContent(t, file, want)
}

func TestFinishDoesNotWaitForBackgroundChild(t *testing.T) {
	s, command, file := newOutputTest(t) // the command's end stays open
	s.start(nil, newEvent(), newEvent())
	want := strings.Repeat("last words\n", 1<<15)
	if _, err := command.WriteString(want); err != nil {
		t.Fatal(err)
	}
	finish(t, s)
	expectContent(t, file, want)
}

// The deadline may have passed before anything was copied.
func TestFinishDrainsThePipe(t *testing.T) {
	s, command, file := newOutputTest(t)
	stopped := make(chan struct{})
	close(stopped)
	s.outputs[0].done = stopped
	want := strings.Repeat("x", 60<<10) // most of what a pipe holds
	if _, err := command.WriteString(want); err != nil {
		t.Fatal(err)
	}
	finish(t, s)
	expectContent(t, file, want)
}

func TestFinishWithoutOutput(t *testing.T) {
	s, _, file := newOutputTest(t)
	s.start(nil, newEvent(), newEvent())
	finish(t, s)
	expectContent(t, file, "")
	finish(t, &streams{})
}

func TestCommandGetsEPIPEWhenReaderIsGone(t *testing.T) {
	from, command := pipe(t)
	reader, to := pipe(t)
	reader.Close()
	s := &streams{outputs: []*output{{from: from, to: descriptor(to.Fd())}}}
	s.start(nil, newEvent(), newEvent())
	if _, err := command.WriteString("to nobody"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.outputs[0].done:
	case <-time.After(30 * time.Second):
		t.Fatal("the output is still copied")
	}
	if _, err := command.WriteString("x"); !errors.Is(err, unix.EPIPE) {
		t.Errorf("the command's next write: %v, want %v", err, unix.EPIPE)
	}
	finish(t, s)
}

// The reader of the output may be stopped. After a terminating signal finish waits for it only for a
// time; without that the call lasted until the Docker CLI was killed.
func TestFinishTimesOutWhenReaderIsStopped(t *testing.T) {
	from, command := pipe(t)
	reader, full := pipe(t) // never read
	s := &streams{outputs: []*output{{from: from, to: descriptor(full.Fd())}}}
	s.start(nil, newEvent(), newEvent())
	if _, err := command.Write(make([]byte, 160<<10)); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = s.finish(nil, nil, time.Millisecond); close(done) }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("finish waits for a stopped reader")
	}
	reader.Close()
	<-s.outputs[0].done
}

// Output that was lost is reported, whatever else has happened by the time that somebody looks.
func TestFinishReportsLostOutput(t *testing.T) {
	for range 100 {
		from, _ := pipe(t)
		stopped, signalled := make(chan struct{}), make(chan os.Signal, 1)
		close(stopped)
		signalled <- unix.SIGINT
		s := &streams{outputs: []*output{{from: from, done: stopped, err: unix.ENOSPC}}}
		if err := s.finish(stopped, signalled, 0); !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
}

func TestEndOfInputReachesTheCommand(t *testing.T) {
	file := createAppendFile(t)
	want := strings.Repeat("input\n", 1<<16)
	if _, err := file.WriteString(want); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	command, w := pipe(t)
	s := &streams{input: newTestInput(file, w)}
	s.start(nil, newEvent(), newEvent())
	if err := command.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(command)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("the command reads %d bytes of %d", len(got), len(want))
	}
}
