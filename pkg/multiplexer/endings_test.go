//go:build linux

package multiplexer_test

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

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
		if err := multiplexer.Serve(start, in, io.Discard); !errors.Is(err, streams.ErrTimeout) {
			t.Error(err)
		}
	})
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

// wait waits for the end of a multiplexer to which nothing can be written any more.
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

// When nothing can be written to the client any more, its helpers end, and the multiplexer with them.
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
