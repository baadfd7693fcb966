//go:build linux

package multiplexer_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/attached"
	"github.com/nsjoin/docker-nsjoin/pkg/frame/streams"
	"github.com/nsjoin/docker-nsjoin/pkg/multiplexer"
)

// hello is what a client sends first.
const hello = "v\x00\x00\x07\x00\x00\x00\x00nsjoin\x01"

// open opens stream 1 for the helper of a script.
func open(script int) string {
	return "o\x00\x00\x02\x00\x00\x00\x01C" + strconv.Itoa(script)
}

// A client that is stopped, or whose engine was killed, leaves the input open and sends nothing.
func TestSilentClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, client := io.Pipe()
		defer client.Close()
		go func() { _, _ = io.WriteString(client, hello) }()
		var out bytes.Buffer
		if err := multiplexer.Serve(start, in, &out); err != nil {
			t.Error(err)
		}
		m := streams.New(streams.Config{Role: streams.Client, To: io.Discard})
		_, _ = out.WriteTo(m)
		if why, said := m.WhyGone(); !said || why != "the client was silent for a minute" {
			t.Errorf("%q, %t", why, said)
		}
		m.End(io.EOF)
	})
}

// A silent client that does not read, either, does not keep the multiplexer.
func TestSilentClientThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, client := io.Pipe()
		unread, out := io.Pipe()
		defer client.Close()
		defer unread.Close()
		go func() { _, _ = io.WriteString(client, hello) }()
		if err := multiplexer.Serve(start, in, out); err != nil {
			t.Error(err)
		}
	})
}

// What a command says when its connection has ended.
func TestWhyAConnectionHasEnded(t *testing.T) {
	const ended = "connection to the helper lost"
	for frames, message := range map[string]string{
		"":                                    ended,
		"q\x00\x00\x06\x00\x00\x00\x00a word": ended + ": a word",
	} {
		unread, in, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		out, theirs, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(theirs, hello)
		c, err := attached.Connect(t.Context(), &engine{in: in, out: out}, io.Discard, 0)
		if err != nil {
			t.Fatal(err)
		}
		h := begin(t, c, cat, "")
		_, _ = io.WriteString(theirs, frames)
		theirs.Close()
		if _, err := h.end(t); err == nil || err.Error() != message {
			t.Errorf("%q: %v", frames, err)
		}
		c.HangUp()
		unread.Close()
	}
}

// silent serves a client that opens a stream for the helper of a script and then sends nothing, and leaves its input open.
// toClient is what the multiplexer writes to.
func silent(t *testing.T, script int, timeout time.Duration) (fromClient, toClient *os.File, served chan error) {
	t.Helper()
	in, fromClient, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	toClient, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, f := range []*os.File{in, fromClient, toClient, out} {
			f.Close()
		}
	})
	if _, err := io.WriteString(fromClient, hello+open(script)); err != nil {
		t.Fatal(err)
	}
	served = make(chan error, 1)
	go func() { served <- multiplexer.ServeFor(start, in, out, timeout) }()
	return fromClient, toClient, served
}

// wait waits for the end of a multiplexer whose writes fail.
func wait(t *testing.T, served chan error) {
	t.Helper()
	select {
	case err := <-served:
		if !errors.Is(err, unix.EPIPE) {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the multiplexer does not end")
	}
}

// When writing to the client fails, its helpers end, and the multiplexer with them.
func TestClientThatCannotBeWrittenTo(t *testing.T) {
	_, toClient, served := silent(t, flood, time.Minute)
	toClient.Close()
	wait(t, served)
	if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("a helper is left: %v", err)
	}
}

// A helper that does not end does not keep the multiplexer.
func TestHelperThatDoesNotEnd(t *testing.T) {
	fromClient, toClient, served := silent(t, deaf, time.Millisecond)
	var text []byte
	for !strings.HasSuffix(string(text), "\n") { // frames, and in the last one a record with the helper's number
		var b [100]byte
		n, err := toClient.Read(b[:])
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, b[:n]...)
	}
	number := text[strings.LastIndexFunc(strings.TrimSpace(string(text)), func(r rune) bool { return r < '0' || r > '9' })+1:]
	pid, err := strconv.Atoi(strings.TrimSpace(string(number)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Kill(pid, unix.SIGKILL) }()
	toClient.Close()
	if _, err := io.WriteString(fromClient, "o\x00\x00\x02\x00\x00\x00\x03C?"); err != nil { // its answer cannot be written
		t.Fatal(err)
	}
	wait(t, served)
}
