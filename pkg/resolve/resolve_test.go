//go:build unix

// Wine has no sockets of UDP that Go can listen on.

package resolve_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/nsjoin/docker-nsjoin/pkg/leaktest"
	"github.com/nsjoin/docker-nsjoin/pkg/resolve"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// server is a DNS server. answer returns the messages that it sends for a question.
type server struct {
	udp    *net.UDPConn
	tcp    net.Listener
	answer func(network string, q []byte) [][]byte
	mu     sync.Mutex
	asked  []string // "udp A name"
}

func newServer(t *testing.T, answer func(network string, q []byte) [][]byte) *server {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(tcp.Addr().(*net.TCPAddr).AddrPort()))
	if err != nil {
		t.Fatal(err)
	}
	s := &server{udp: udp, tcp: tcp, answer: answer}
	t.Cleanup(func() { _ = udp.Close(); _ = tcp.Close() })
	go s.serveUDP()
	go s.serveTCP()
	return s
}

func (s *server) serveUDP() {
	b := make([]byte, 2048)
	for {
		n, from, err := s.udp.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		for _, m := range s.note("udp", b[:n]) {
			_, _ = s.udp.WriteToUDPAddrPort(m, from)
		}
	}
}

func (s *server) serveTCP() {
	for {
		conn, err := s.tcp.Accept()
		if err != nil {
			return
		}
		b := make([]byte, 2048)
		n, _ := io.ReadAtLeast(conn, b, 20)
		for _, m := range s.note("tcp", b[2:n]) {
			_, _ = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...))
		}
		_ = conn.Close()
	}
}

func (s *server) note(network string, q []byte) [][]byte {
	var p dnsmessage.Parser
	_, _ = p.Start(q)
	asked, _ := p.Question()
	s.mu.Lock()
	s.asked = append(s.asked, network+" "+strings.TrimPrefix(asked.Type.String(), "Type")+" "+asked.Name.String())
	s.mu.Unlock()
	return s.answer(network, q)
}

func (s *server) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, s.tcp.Addr().String())
}

// names returns what was asked for addresses of version 4, in order.
func (s *server) names() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, a := range s.asked {
		if words := strings.Fields(a); words[1] == "A" {
			list = append(list, words[2])
		}
	}
	return strings.Join(list, " ")
}

// reply answers a question by records, such as "db. A 192.0.2.1".
func reply(q []byte, code dnsmessage.RCode, change func(*dnsmessage.Message), records ...string) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(q); err != nil {
		panic(err)
	}
	m.Response, m.RCode = true, code
	for _, record := range records {
		words := strings.Fields(record)
		r := dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(words[0]), Class: dnsmessage.ClassINET}}
		switch words[1] {
		case "CNAME":
			r.Body = &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(words[2])}
		case "A":
			r.Body = &dnsmessage.AResource{A: netip.MustParseAddr(words[2]).As4()}
		case "AAAA":
			r.Body = &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr(words[2]).As16()}
		}
		if t := m.Questions[0].Type.String(); words[1] == "CNAME" || t == "Type"+words[1] {
			m.Answers = append(m.Answers, r)
		}
	}
	if change != nil {
		change(&m)
	}
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

// zone answers for the names that it has.
func zone(records map[string][]string) func(string, []byte) [][]byte {
	return func(_ string, q []byte) [][]byte {
		var m dnsmessage.Message
		_ = m.Unpack(q)
		r, ok := records[strings.ToLower(m.Questions[0].Name.String())]
		if !ok {
			return [][]byte{reply(q, dnsmessage.RCodeNameError, nil)}
		}
		return [][]byte{reply(q, dnsmessage.RCodeSuccess, nil, r...)}
	}
}

func lookup(s *server, resolv, hosts, host string) (string, error) {
	r := resolve.New(sockets.Names{Resolv: []byte(resolv), Hosts: []byte(hosts)}, s.dial)
	found, err := r.Lookup(context.Background(), host)
	return strings.Trim(fmt.Sprint(found), "[]"), err
}

func TestNamesOfFilesAndServers(t *testing.T) {
	records := map[string][]string{
		"db.":           {"db. A 192.0.2.1", "db. AAAA 2001:db8::1", "db. A 192.0.2.2"},
		"alias.":        {"alias. CNAME one.", "one. CNAME two.", "two. A 192.0.2.3"},
		"stranger.":     {"other. A 192.0.2.66"},
		"loop.":         {"loop. CNAME loop."},
		"six.":          {"six. AAAA 2001:db8::6"},
		"empty.":        {},
		"db.a.example.": {"db.a.example. A 192.0.2.4"},
		"x.y.":          {"x.y. A 192.0.2.5"},
		"x.y.b.":        {"x.y.b. A 192.0.2.6"},
	}
	const hosts = "127.0.0.1 localhost\n192.0.2.9 Web web.example # comment\n2001:db8::9 web\nnonsense x\n192.0.2.10\tweb\n"
	for _, row := range []struct{ resolv, host, want, asked string }{
		{"", "192.0.2.7", "192.0.2.7", ""},
		{"", "::1", "::1", ""},
		{"", "WEB", "192.0.2.9 192.0.2.10 2001:db8::9", ""},
		{"", "localhost", "127.0.0.1", ""},
		{"", "a.localhost", "127.0.0.1 ::1", ""},
		{"", "db", "192.0.2.1 192.0.2.2 2001:db8::1", "db."},
		{"", "DB", "192.0.2.1 192.0.2.2 2001:db8::1", "DB."},
		{"", "alias", "192.0.2.3", "alias."},
		{"", "six", "2001:db8::6", "six."},
		{"", "stranger", "", "stranger."},
		{"", "loop", "", "loop."},
		{"", "empty", "", "empty."},
		{"", "none", "", "none."},
		{"search a.example b", "db", "192.0.2.4", "db.a.example."},
		{"search b a.example", "db", "192.0.2.4", "db.b. db.a.example."},
		{"search b", "db.", "192.0.2.1 192.0.2.2 2001:db8::1", "db."},
		{"search b\noptions ndots:0", "db", "192.0.2.1 192.0.2.2 2001:db8::1", "db."},
		{"search b", "x.y", "192.0.2.5", "x.y."},
		{"search b\noptions ndots:2", "x.y", "192.0.2.6", "x.y.b."},
		{"search a b", "none", "", "none.a. none.b. none."},
		{"search a\nsearch .", "none", "", "none."},
	} {
		s := newServer(t, zone(records))
		got, err := lookup(s, row.resolv, hosts, row.host)
		if got != row.want || s.names() != row.asked {
			t.Errorf("%q %q: %q, %q asked, %v", row.resolv, row.host, got, s.names(), err)
		}
		var e *net.DNSError
		if row.want == "" && (!errors.As(err, &e) || !e.IsNotFound || e.Name != row.host) {
			t.Error(row.host, err)
		}
	}
}

func TestTruncatedAnswerIsAskedForByTCP(t *testing.T) {
	s := newServer(t, func(network string, q []byte) [][]byte {
		if network == "udp" {
			return [][]byte{reply(q, dnsmessage.RCodeSuccess, func(m *dnsmessage.Message) { m.Truncated = true }, "big. A 192.0.2.1")}
		}
		var records []string
		for i := range 100 {
			records = append(records, "big. A 192.0.2."+fmt.Sprint(i))
		}
		return [][]byte{reply(q, dnsmessage.RCodeSuccess, nil, records...)}
	})
	got, err := lookup(s, "", "", "big")
	if n := len(strings.Fields(got)); n != 64 || err != nil {
		t.Error(n, err)
	}
}

// What is not the answer does not count, and does not keep the answer from being found.
func TestGarbageIsSkipped(t *testing.T) {
	wrong := []func(*dnsmessage.Message){
		func(m *dnsmessage.Message) { m.ID++ },
		func(m *dnsmessage.Message) { m.Response = false },
		func(m *dnsmessage.Message) { m.Questions[0].Name = dnsmessage.MustNewName("other.") },
		func(m *dnsmessage.Message) { m.Questions[0].Type = dnsmessage.TypeTXT },
		func(m *dnsmessage.Message) { m.Questions[0].Class = dnsmessage.ClassCHAOS },
		func(m *dnsmessage.Message) { m.Questions = nil },
		func(m *dnsmessage.Message) { m.Questions = append(m.Questions, m.Questions[0]) },
	}
	garbage := func(q []byte) (list [][]byte) {
		for _, change := range wrong {
			list = append(list, reply(q, dnsmessage.RCodeSuccess, change, "db. A 192.0.2.66"))
		}
		return append(list, nil, []byte("x"), q)
	}
	s := newServer(t, func(_ string, q []byte) [][]byte {
		return append(garbage(q), reply(q, dnsmessage.RCodeSuccess, nil, "db. A 192.0.2.1"))
	})
	if got, err := lookup(s, "", "", "db"); got != "192.0.2.1" || err != nil {
		t.Error(got, err)
	}
	s = newServer(t, func(_ string, q []byte) (list [][]byte) {
		for range 20 {
			list = append(list, garbage(q)...)
		}
		return list
	})
	start := time.Now()
	got, err := lookup(s, "options timeout:1 attempts:1", "", "db")
	var e *net.DNSError
	if got != "" || !errors.As(err, &e) || e.IsNotFound || time.Since(start) > 25*time.Second {
		t.Error(got, err, time.Since(start))
	}
}

func TestFailuresAreNotMissingNames(t *testing.T) {
	for name, answer := range map[string]func(string, []byte) [][]byte{
		"server failure": func(_ string, q []byte) [][]byte { return [][]byte{reply(q, dnsmessage.RCodeServerFailure, nil)} },
		"unknown code":   func(_ string, q []byte) [][]byte { return [][]byte{reply(q, 11, nil)} },
		"cut off": func(_ string, q []byte) [][]byte {
			b := reply(q, dnsmessage.RCodeSuccess, nil, "db. A 192.0.2.1", "db. AAAA ::1")
			return [][]byte{b[:len(b)-3]}
		},
		"no answer": func(string, []byte) [][]byte { return nil },
	} {
		s := newServer(t, answer)
		got, err := lookup(s, "options timeout:1 attempts:1\nsearch a", "", "db")
		var e *net.DNSError
		if got != "" || !errors.As(err, &e) || e.IsNotFound || e.Name != "db" || e.IsTimeout != (name == "no answer") {
			t.Error(name, got, err)
		}
	}
	for _, host := range []string{"", ".", "a..b", "a b", "\x1b[31m", strings.Repeat("a", 64), strings.Repeat("a.", 200)} {
		if _, err := lookup(newServer(t, zone(nil)), "", "", host); err == nil || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q: %v", host, err)
		}
	}
}

func TestNextServerIsAsked(t *testing.T) {
	s := newServer(t, zone(map[string][]string{"db.": {"db. A 192.0.2.1"}}))
	var mu sync.Mutex
	var dialed []string
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		mu.Lock()
		dialed = append(dialed, address)
		mu.Unlock()
		if address == "192.0.2.53:53" {
			return nil, syscall.ECONNREFUSED
		}
		return s.dial(ctx, network, "")
	}
	r := resolve.New(sockets.Names{Resolv: []byte("nameserver 192.0.2.53\nnameserver 2001:db8::53\noptions rotate\n")}, dial)
	for range 4 {
		if found, err := r.Lookup(context.Background(), "db"); len(found) != 1 || err != nil {
			t.Error(found, err)
		}
	}
	if !slices.Contains(dialed, "[2001:db8::53]:53") || dialed[0] == dialed[len(dialed)-1] && len(dialed) == 8 {
		t.Error(dialed)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.Lookup(ctx, "db"); !errors.Is(err, context.Canceled) && err == nil {
		t.Error(err)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte("\x00\x00\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x02db\x00\x00\x01\x00\x01\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\xc0\x00\x02\x01"))
	f.Fuzz(func(t *testing.T, input []byte) {
		dial := func(_ context.Context, network, _ string) (net.Conn, error) {
			answer := slices.Clone(input)
			here, there := net.Pipe()
			go func() {
				q := make([]byte, 600)
				n, _ := there.Read(q)
				if n > 4 && len(answer) > 2 && answer[0] == 0 {
					copy(answer, q[map[string]int{"udp": 0, "tcp": 2}[network]:][:2])
				}
				_, _ = there.Write(answer)
				_ = there.Close()
			}()
			return here, nil
		}
		r := resolve.New(sockets.Names{Resolv: []byte("options attempts:1 timeout:1\n")}, dial)
		found, err := r.Lookup(t.Context(), "db")
		if len(found) == 0 && err == nil || err != nil && !strings.Contains(err.Error(), "db") {
			t.Error(found, err)
		}
	})
}

// If no server answers for the first domain of the search list, the others are left out, but the name itself is tried.
func TestSilenceForADomain(t *testing.T) {
	s := newServer(t, func(_ string, q []byte) [][]byte {
		var m dnsmessage.Message
		_ = m.Unpack(q)
		if m.Questions[0].Name.String() != "db." {
			return nil
		}
		return [][]byte{reply(q, dnsmessage.RCodeSuccess, nil, "db. A 192.0.2.1")}
	})
	got, err := lookup(s, "options timeout:1 attempts:1 ndots:2\nsearch a b", "", "db")
	if got != "192.0.2.1" || err != nil || s.names() != "db.a. db." {
		t.Errorf("%q, %v, asked for %q", got, err, s.names())
	}
}
