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
	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

// newTestRemote returns a remote caller, the end that its client writes frames to, and the command's
// end of its input.
func newTestRemote(t *testing.T) (r *Remote, client, command *os.File) {
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
	r = &Remote{client: &request.Client{}, frames: frames, outputs: &Outputs{Stderr: frame.NewWriter(none)}, input: newQueue(input, frame.Window)}
	return r, client, command
}

func TestRemoteInputReachesCommand(t *testing.T) {
	r, client, command := newTestRemote(t)
	gone := newEvent()
	go r.readFrames(func(unix.Signal) {}, nil, nil, gone)
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
	if gone.hasFired() {
		t.Error("the end of the input is taken for a hangup of the caller")
	}
	client.Close()
	waitFired(t, gone, "the caller's end")
}

func TestRemoteSignalDoesNotWaitBehindInput(t *testing.T) {
	r, client, _ := newTestRemote(t)
	signals := make(chan unix.Signal, 2)
	gone := newEvent()
	go r.readFrames(func(s unix.Signal) { signals <- s }, nil, nil, gone)
	w := frame.NewWriter(client)
	if _, err := w.Write(make([]byte, frame.Window)); err != nil {
		t.Fatal(err)
	}
	if err := w.Signal(int(unix.SIGUSR1)); err != nil {
		t.Fatal(err)
	}
	select {
	case s := <-signals:
		if s != unix.SIGUSR1 {
			t.Errorf("signal %d arrived", s)
		}
	case <-time.After(time.Minute):
		t.Fatal("the signal waits behind the input")
	}
	client.Close()
	waitFired(t, gone, "the caller's end")
}

func TestRemoteInvalidFramesEndTheConnection(t *testing.T) {
	for _, nonsense := range []string{"x", "d\xff\xff\xff\xff", "GET / HTTP/1.1\r\n"} {
		r, client, _ := newTestRemote(t)
		gone := newEvent()
		go r.readFrames(func(unix.Signal) {}, nil, nil, gone)
		if _, err := client.WriteString(nonsense); err != nil {
			t.Fatal(err)
		}
		client.Close()
		waitFired(t, gone, nonsense)
	}
}

// A command that closed its input, or ended, does not stop the reading of frames.
func TestRemoteSignalAfterCommandClosedInput(t *testing.T) {
	r, client, command := newTestRemote(t)
	command.Close()
	signals := make(chan unix.Signal, 1)
	gone := newEvent()
	go r.readFrames(func(s unix.Signal) { signals <- s }, nil, nil, gone)
	defer func() { client.Close(); <-gone.fired }()
	w := frame.NewWriter(client)
	if _, err := w.Write(make([]byte, 2*frame.Window)); err != nil {
		t.Fatal(err)
	}
	if err := w.Signal(int(unix.SIGTERM)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-signals:
	case <-time.After(time.Minute):
		t.Fatal("the signal waits until the input is read")
	}
}

func TestRemoteResizesTerminal(t *testing.T) {
	r, client, _ := newTestRemote(t)
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
		t.Errorf("the size at first is %v", got)
	}
	gone := newEvent()
	go r.readFrames(func(unix.Signal) {}, nil, pty, gone)
	w := frame.NewWriter(client)
	for _, s := range [][2]uint16{{40, 80}, {0, 0}, {50, 132}, {0, 7}} {
		if err := w.Size(s[0], s[1]); err != nil {
			t.Fatal(err)
		}
	}
	client.Close()
	waitFired(t, gone, "the caller's end")
	if got := size(); !slices.Equal(got, []uint16{50, 132}) {
		t.Errorf("the size at the end is %v", got)
	}
}

func waitFired(t *testing.T, e *event, what string) {
	t.Helper()
	select {
	case <-e.fired:
	case <-time.After(time.Minute):
		t.Fatalf("timeout: %s", what)
	}
}

// The client learns, at the end, how much of a file the command has not read, also when the pipe is
// full. What the container's root wrote into the pipe is not counted.
func TestRemoteReportsHowMuchWasRead(t *testing.T) {
	r, client, command := newTestRemote(t)
	reports, stderr := pipe(t)
	r.outputs.Stderr = frame.NewWriter(stderr)
	var err error
	if r.commandEnd, err = dupFile(command); err != nil {
		t.Fatal(err)
	}
	gone := newEvent()
	go r.readFrames(func(unix.Signal) {}, nil, nil, gone)
	const sent, read = 3 << 20, 100
	if _, err := frame.NewWriter(client).Write(make([]byte, sent)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(command, make([]byte, read)); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); stdio.UnreadBytes(command) < 1<<16; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the pipe does not fill")
		}
	}
	r.reportUnread()
	f, err := frame.Read(reports, make([]byte, frame.MaxSize))
	if err != nil || f.Kind != frame.Consumed || f.Bytes() != 0 {
		t.Errorf("the first report is %+v, %v", f, err)
	}
	f, err = frame.Read(reports, make([]byte, frame.MaxSize))
	if err != nil || f.Kind != frame.Consumed || f.Bytes() < read || f.Bytes() > read+1<<16 {
		t.Errorf("the last report is %+v, %v", f, err)
	}
	client.Close()
	waitFired(t, gone, "the caller's end")
}
