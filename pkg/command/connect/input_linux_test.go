package connect

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A read that waits although poll(2) has reported input does not keep the call after the server has ended.
func TestReadThatWaits(t *testing.T) {
	t.Parallel()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	in, w := os.NewFile(uintptr(pair[0]), "in"), os.NewFile(uintptr(pair[1]), "out")
	defer in.Close()
	defer w.Close()
	const least = 100 // for a read, not for poll(2)
	if err := unix.SetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_RCVLOWAT, least); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	address, _ := halfClosing(t)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := stream(ctx, conn, network{}, in, io.Discard); err != nil || ctx.Err() != nil {
		t.Error(err, ctx.Err())
	}
}

// Urgent data is left out, as by nc, and what follows is printed.
func TestUrgentData(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := server.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var sent error
	if err := raw.Control(func(fd uintptr) { sent = unix.Sendto(int(fd), []byte("before!"), unix.MSG_OOB, nil) }); err != nil || sent != nil {
		t.Fatal(err, sent)
	}
	if _, err := io.WriteString(server, "after"); err != nil {
		t.Fatal(err)
	}
	server.Close()
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := stream(t.Context(), conn, network{}, in, w); err != nil {
		t.Error(err)
	}
	w.Close()
	if text, err := io.ReadAll(out); string(text) != "beforeafter" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

// The end of an input that cannot be polled is not waited for.
func TestInputThatCannotBePolled(t *testing.T) {
	const none = 1 << 30
	in := newInput(os.NewFile(none, "none"))
	defer in.end()
	if _, err := in.Read(make([]byte, 1)); err == nil || in.ends() {
		t.Error(err, in.ends())
	}
	in = newInput(os.NewFile(none, "none"))
	in.end()
	if _, err := in.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}
