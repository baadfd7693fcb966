package netcat

import (
	"io"
	"net"
	"strings"
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

// What nc says with -v is what scripts look for in OpenBSD's.
func TestNcTellsAsOpenBSDs(t *testing.T) {
	open := listen(t, func(conn net.Conn) { conn.Close() })
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	_, taken, _ := net.SplitHostPort(packets.LocalAddr().String())
	for _, row := range []struct {
		args, want string
		status     int
	}{
		{"-zv 127.0.0.1 " + open, "Connection to 127.0.0.1 port " + open + " (tcp) succeeded!\n", 0},
		{"-zv 127.0.0.1 1", "nc: connect to 127.0.0.1 port 1 (tcp) failed: connection refused\n", 1},
		{"-zv -s 127.0.0.1 127.0.0.1 " + open, "Connection to 127.0.0.1 port " + open + " (tcp) succeeded!\n", 0},
		{"-zv -s nonsense 127.0.0.1 1", "nc: \"nonsense\" is no address\n", 1},
		{"-l -s nonsense 1", "nc: \"nonsense\" is no address\n", 1},
		{"-l -s 192.0.2.1 -p 0", "nc: listen tcp 192.0.2.1:0: bind: cannot assign requested address\n", 1},
		{"-l -s 127.0.0.1 127.0.0.1 0", "nc: -s and a host are both an address to listen at\n", 1},
		{"-lu -s 192.0.2.1 0", "nc: listen udp 192.0.2.1:0: bind: cannot assign requested address\n", 1},
		{"-zuv 127.0.0.1 1", "nc: connect to 127.0.0.1 port 1 (udp) failed: connection refused\n", 1},
		{"-zuv 127.0.0.1 " + taken, "Connection to 127.0.0.1 port " + taken + " (udp) succeeded!\n", 0},
	} {
		text, status := tooltest.Stderr(t, func() int { return Nc(strings.Fields(row.args)) })
		if text != row.want || status != row.status {
			t.Errorf("nc %s: status %d, prints %q, want %q", row.args, status, text, row.want)
		}
	}
}

func TestNcSendsCRLF(t *testing.T) {
	text, err := io.ReadAll(&crlf{in: strings.NewReader("a\nb\n")})
	if string(text) != "a\r\nb\r\n" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}
