package netcat

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

// What a tool does not do is refused by name.
func TestOptionsAreRefused(t *testing.T) {
	tooltest.Statuses(t, Nc, map[string]int{"-n localhost 1": 1})
}

// One port that is open is enough, wherever it is in the list, and the others are tried too.
func TestNcTriesEachPort(t *testing.T) {
	open := listen(t, func(conn net.Conn) { conn.Close() })
	for _, row := range []struct {
		ports  string
		status int
	}{{open, 0}, {"1 " + open, 0}, {open + " 1", 0}, {"1 2", 1}, {"1-2", 1}} {
		if _, status := tooltest.Stdout(t, func() int { return Nc(append([]string{"-z", "127.0.0.1"}, strings.Fields(row.ports)...)) }); status != row.status {
			t.Errorf("nc -z %s: status %d, want %d", row.ports, status, row.status)
		}
	}
}

// nc -w ends when a peer that is connected sends nothing.
func TestNcEndsWhenIdle(t *testing.T) {
	hold := make(chan bool)
	port := listen(t, func(conn net.Conn) { _, _ = conn.Write([]byte("x")); <-hold })
	defer close(hold)
	text, status := tooltest.Stdout(t, func() int { return Nc([]string{"-d", "-w", "0.2", "127.0.0.1", port}) })
	if text != "x" || status != 0 {
		t.Errorf("it prints %q, status %d", text, status)
	}
}

// listen serves connections, and returns the port.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
