package network

import (
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
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
	text, _ := tooltest.Stdout(t, func() int {
		(&nc{listen: true, noInput: true}).pass(conn, nil)
		return 0
	})
	if text != "beforeafter" {
		t.Errorf("%q", text)
	}
}
