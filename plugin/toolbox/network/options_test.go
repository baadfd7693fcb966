package network

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

// What a tool does not do is refused by name.
func TestOptionsAreRefused(t *testing.T) {
	for _, row := range []struct {
		main   func([]string) int
		args   string
		status int
	}{
		{Dig, "+trace example", 1},
		{Dig, "+nosuch example", 1},
		{Openssl, "s_client -starttls smtp -connect 127.0.0.1:1", 2},
		{Openssl, "s_client -proxy a:1 -connect 127.0.0.1:1", 2},
		{Openssl, "x509 -purpose", 2},
		{Openssl, "x509 -ext keyUsage", 2},
		{Ip, "-j addr", 1},
		{Ip, "-d link", 1},
		{Ip, "link show type veth", 1},
		{Ip, "route show table all", 1},
		{Ip, "route get 127.0.0.1 from 127.0.0.2", 1},
		{Ss, "-i", 2},
		{Ss, "-tln autobound x", 1},
		{Ping, "-M nonsense 127.0.0.1", 2},
		{Wget, "-c http://127.0.0.1:1", 2},
		{Nc, "-n localhost 1", 1},
		{Traceroute, "-g 10.0.0.1 127.0.0.1", 2},
		{Traceroute, "-I -T 127.0.0.1", 2},
	} {
		if _, status := tooltest.Stdout(t, func() int { return row.main(strings.Fields(row.args)) }); status != row.status {
			t.Errorf("%s: status %d, want %d", row.args, status, row.status)
		}
	}
}

func TestDigParts(t *testing.T) {
	for _, row := range []struct{ args, shown string }{
		{"+noall +answer", "answer"},
		{"+noall +answer +stats", "answer stats"},
		{"+nocomments +noquestion +nostats +nocmd", "answer authority additional"},
		{"", strings.Join(parts, " ")},
	} {
		q := &dig{}
		for option := range strings.FieldsSeq(row.args) {
			if err := q.plus(option[1:]); err != nil {
				t.Errorf("%s: %v", option, err)
			}
		}
		var shown []string
		for _, part := range parts {
			if !q.hide[part] {
				shown = append(shown, part)
			}
		}
		if got := strings.Join(shown, " "); got != row.shown {
			t.Errorf("%q shows %q, want %q", row.args, got, row.shown)
		}
	}
}

func TestIpShowsOneLine(t *testing.T) {
	text, status := tooltest.Stdout(t, func() int { return Ip([]string{"-o", "-4", "addr", "show", "dev", "lo"}) })
	if status != 0 || text != "" && !strings.HasPrefix(text, "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft") || strings.Count(text, "\n") > 1 {
		t.Errorf("it prints %q, status %d", text, status)
	}
}

func TestTimers(t *testing.T) {
	for _, row := range []struct{ timer, again, want string }{
		{"00:00000000", "00000000", ""}, {"01:00000014", "00000002", "timer:(on,200ms,2)"}, {"02:00000BB8", "00000000", "timer:(keepalive,30sec,0)"}, {"x", "", ""},
	} {
		if got := timerText(row.timer, row.again); got != row.want {
			t.Errorf("%s is %q, want %q", row.timer, got, row.want)
		}
	}
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
