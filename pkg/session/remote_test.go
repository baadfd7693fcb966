//go:build linux

package session

import (
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/frame"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// remoteOf is a remote caller, what he writes frames with, and what the command reads.
func remoteOf(t *testing.T) (r *Remote, client, command *os.File) {
	t.Helper()
	frames, client, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command, input, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, f := range []*os.File{frames, client, command, input} {
			f.Close()
		}
	})
	none, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { none.Close() })
	r = &Remote{client: &request.Client{}, frames: frames, input: input, errors: frame.NewWriter(none), queue: newQueue()}
	return r, client, command
}

func TestRemoteInputArrives(t *testing.T) {
	r, client, command := remoteOf(t)
	gone := newOnce()
	go r.follow(func(unix.Signal) {}, nil, nil, gone)
	text := strings.Repeat("a line of input\n", 100_000)
	go func() {
		w := frame.NewWriter(client)
		_, _ = io.WriteString(w, text)
		_ = w.End()
	}()
	got, err := io.ReadAll(command)
	if err != nil || string(got) != text {
		t.Errorf("%d of %d bytes arrived, %v", len(got), len(text), err)
	}
	if gone.happened() {
		t.Error("the end of the input is taken for the end of the caller")
	}
	client.Close()
	happens(t, gone, "the caller's end")
}

// Nothing waits behind what the command doesn't read.
func TestRemoteSignalOvertakesInput(t *testing.T) {
	r, client, _ := remoteOf(t)
	given := make(chan unix.Signal, 2)
	gone := newOnce()
	go r.follow(func(s unix.Signal) { given <- s }, nil, nil, gone)
	w := frame.NewWriter(client)
	if _, err := w.Write(make([]byte, frame.Window)); err != nil {
		t.Fatal(err)
	}
	if err := w.Signal(int(unix.SIGUSR1)); err != nil {
		t.Fatal(err)
	}
	select {
	case s := <-given:
		if s != unix.SIGUSR1 {
			t.Errorf("signal %d arrived", s)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it waits")
	}
	client.Close()
	happens(t, gone, "the caller's end")
}

func TestRemoteThatTalksNonsenseIsGone(t *testing.T) {
	for _, nonsense := range []string{"x", "d\xff\xff\xff\xff", "GET / HTTP/1.1\r\n"} {
		r, client, _ := remoteOf(t)
		gone := newOnce()
		go r.follow(func(unix.Signal) {}, nil, nil, gone)
		if _, err := client.WriteString(nonsense); err != nil {
			t.Fatal(err)
		}
		client.Close()
		happens(t, gone, nonsense)
	}
}

// A command that closed its input, or ended, is no reason to stop listening.
func TestRemoteInputThatNobodyReads(t *testing.T) {
	r, client, command := remoteOf(t)
	command.Close()
	given := make(chan unix.Signal, 1)
	gone := newOnce()
	go r.follow(func(s unix.Signal) { given <- s }, nil, nil, gone)
	defer func() { client.Close(); <-gone.given }()
	w := frame.NewWriter(client)
	if _, err := w.Write(make([]byte, 2*frame.Window)); err != nil {
		t.Fatal(err)
	}
	if err := w.Signal(int(unix.SIGTERM)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-given:
	case <-time.After(20 * time.Second):
		t.Fatal("it waits for somebody to read")
	}
}

func TestRemoteSizes(t *testing.T) {
	r, client, _ := remoteOf(t)
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pty.Close()
	r.client.Rows, r.client.Columns = 33, 111
	r.resize(pty)
	size := func() []uint16 {
		ws, err := unix.IoctlGetWinsize(int(pty.Fd()), unix.TIOCGWINSZ)
		if err != nil {
			t.Fatal(err)
		}
		return []uint16{ws.Row, ws.Col}
	}
	if got := size(); !slices.Equal(got, []uint16{33, 111}) {
		t.Errorf("it begins with %v", got)
	}
	gone := newOnce()
	go r.follow(func(unix.Signal) {}, nil, pty, gone)
	w := frame.NewWriter(client)
	for _, s := range [][2]uint16{{40, 80}, {0, 0}, {50, 132}, {0, 7}} {
		if err := w.Size(s[0], s[1]); err != nil {
			t.Fatal(err)
		}
	}
	client.Close()
	happens(t, gone, "the caller's end")
	if got := size(); !slices.Equal(got, []uint16{50, 132}) {
		t.Errorf("it ends with %v", got)
	}
}

func happens(t *testing.T, o *once, what string) {
	t.Helper()
	select {
	case <-o.given:
	case <-time.After(20 * time.Second):
		t.Fatalf("%q is not noticed", what)
	}
}

// What the command did not read of a file is told in the end, also where the pipe is full. What the
// container's root wrote into the pipe is not counted.
func TestRemoteTellsWhatWasRead(t *testing.T) {
	r, client, command := remoteOf(t)
	told, errors := pipe(t)
	r.errors = frame.NewWriter(errors)
	var err error
	if r.unread, err = duplicate(command); err != nil {
		t.Fatal(err)
	}
	gone := newOnce()
	go r.follow(func(unix.Signal) {}, nil, nil, gone)
	const sent, read = 3 << 20, 100
	if _, err := frame.NewWriter(client).Write(make([]byte, sent)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(command, make([]byte, read)); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); waiting(command) < 1<<16; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the pipe is never full")
		}
	}
	r.giveBack()
	f, err := frame.Read(told, make([]byte, frame.MaxSize))
	if err != nil || f.Kind != frame.Consumed || f.Bytes() != 0 {
		t.Errorf("it begins with %+v, %v", f, err)
	}
	f, err = frame.Read(told, make([]byte, frame.MaxSize))
	if err != nil || f.Kind != frame.Consumed || f.Bytes() < read || f.Bytes() > read+1<<16 {
		t.Errorf("it tells %+v, %v", f, err)
	}
	client.Close()
	happens(t, gone, "the caller's end")
}
