//go:build unix

// On Windows a read of a pipe that waits cannot be ended: see input_windows.go.

package connect

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/sockets/client"
)

// network is one that stays.
type network struct{ client.Network }

func (network) Gone() <-chan struct{} { return nil }

// halfClosing serves one connection: it answers and ends its direction at once, then reads the other one.
func halfClosing(t *testing.T) (address string, read <-chan []byte) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan []byte, 1)
	go func() {
		defer l.Close()
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "answer")
		_ = conn.(*net.TCPConn).CloseWrite()
		time.Sleep(50 * time.Millisecond) // the client notices
		text, _ := io.ReadAll(conn)
		got <- text
	}()
	return l.Addr().String(), got
}

// A server that ends its direction first still gets the whole input.
func TestServerThatHalfClosesFirst(t *testing.T) {
	text := bytes.Repeat([]byte("line\n"), 1<<20)
	path := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"file", "pipe"} {
		var in *os.File
		var err error
		if kind == "file" {
			in, err = os.Open(path)
		} else {
			var w *os.File
			in, w, err = os.Pipe()
			go func() {
				defer w.Close()
				_, _ = w.Write(text)
			}()
		}
		if err != nil {
			t.Fatal(err)
		}
		address, got := halfClosing(t)
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := stream(t.Context(), conn, network{}, in, &out); err != nil || out.String() != "answer" {
			t.Errorf("%s: %q, %v", kind, out.String(), err)
		}
		conn.Close()
		in.Close()
		if n := len(<-got); kind == "file" && n != len(text) || n == 0 {
			t.Errorf("%s: %d of %d bytes", kind, n, len(text))
		}
	}
}

// An input that goes on without a word does not keep the call.
func TestInputThatWaits(t *testing.T) {
	in, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer w.Close()
	address, got := halfClosing(t)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := stream(ctx, conn, network{}, in, io.Discard); err != nil {
		t.Error(err)
	}
	if text := <-got; len(text) != 0 {
		t.Errorf("%q", text)
	}
}
