package network

import (
	"io"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// nc leaves urgent data out, and prints what follows.
func TestNcUrgentData(t *testing.T) {
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
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := peer.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var sent error
	if err := raw.Control(func(fd uintptr) { sent = unix.Sendto(int(fd), []byte("before!"), unix.MSG_OOB, nil) }); err != nil || sent != nil {
		t.Fatal(err, sent)
	}
	if _, err := io.WriteString(peer, "after"); err != nil {
		t.Fatal(err)
	}
	peer.Close()
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	old := os.Stdout
	os.Stdout = w
	(&nc{listen: true, noInput: true}).pass(conn, nil)
	os.Stdout = old
	w.Close()
	if text, err := io.ReadAll(out); string(text) != "beforeafter" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}
