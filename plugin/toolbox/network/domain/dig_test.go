package domain

import (
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

// nameServer is the server of all zones, the root included, and of its own name.
func nameServer(t *testing.T) (port string) {
	t.Helper()
	records := map[string]string{
		". NS": ". 60 IN NS ns.test.", "ns.test. A": "ns.test. 60 IN A 127.0.0.1", "web.test. A": "web.test. 60 IN A 10.0.0.7",
		"web.test. MX": "web.test. 60 IN MX 5 mail.test.", "7.0.0.10.in-addr.arpa. PTR": "7.0.0.10.in-addr.arpa. 60 IN PTR web.test.",
	}
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, query *dns.Msg) {
		answer := new(dns.Msg).SetReply(query)
		q := query.Question[0]
		answer.Authoritative = q.Name != "."
		record, ok := records[q.Name+" "+dns.TypeToString[q.Qtype]]
		switch {
		case q.Qtype == dns.TypeAXFR:
			for _, text := range []string{"test. 60 IN SOA ns.test. a.test. 1 2 3 4 5", records["web.test. A"], "test. 60 IN SOA ns.test. a.test. 1 2 3 4 5"} {
				r, _ := dns.NewRR(text)
				answer.Answer = append(answer.Answer, r)
			}
		case !ok:
			answer.Rcode = dns.RcodeNameError
		default:
			r, err := dns.NewRR(record)
			if err != nil {
				t.Error(err)
			}
			answer.Answer = []dns.RR{r}
		}
		if query.IsEdns0() != nil {
			answer.SetEdns0(1232, false)
			answer.IsEdns0().Option = []dns.EDNS0{
				&dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeOther, ExtraText: "\x1b[31mred\n;; false line"},
				&dns.EDNS0_ESU{Code: dns.EDNS0ESU, Uri: "sip:a\n\x07b"},
			}
		}
		_ = w.WriteMsg(answer)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	number := listener.Addr().(*net.TCPAddr).Port
	packets, err := net.ListenPacket("udp", net.JoinHostPort("127.0.0.1", strconv.Itoa(number)))
	if err != nil {
		t.Skip(err)
	}
	for _, server := range []*dns.Server{{Listener: listener, Handler: handler}, {PacketConn: packets, Handler: handler}} {
		go func() { _ = server.ActivateAndServe() }()
	}
	t.Cleanup(func() { listener.Close(); packets.Close() })
	return strconv.Itoa(number)
}

func TestDig(t *testing.T) {
	port := nameServer(t)
	for _, row := range []struct{ args, want string }{
		{"web.test", `(?s)^\n; <<>> DiG .*\n;; Got answer:\n;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: \d+\n;; flags: qr aa rd; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1\n.*` +
			`\n;; ANSWER SECTION:\nweb\.test\.\t60\tIN\tA\t10\.0\.0\.7\n\n;; Query time: \d+ msec\n;; SERVER: 127\.0\.0\.1#PORT\(127\.0\.0\.1\) \(UDP\)\n`},
		{"+short web.test MX", `^5 mail\.test\.\n$`},
		{"+short web.test MX web.test -x 10.0.0.7", `^5 mail\.test\.\n10\.0\.0\.7\n$|^5 mail\.test\.\nweb\.test\.\n$`},
		{"+short web.test ns.test", `^10\.0\.0\.7\n127\.0\.0\.1\n$`},
		{"+short -x 10.0.0.7", `^web\.test\.\n$`},
		{"+short +identify web.test", `^10\.0\.0\.7 from server 127\.0\.0\.1 in \d+ ms\.\n$`},
		{"+noall +answer -b 127.0.0.1 +noedns +cd +bufsize=512 +subnet=10.0.0.0/8 web.test A", `^web\.test\.\t60\tIN\tA\t10\.0\.0\.7\n$`},
		{"+noall +comments +noedns +nocookie web.test", `^;; Got answer:\n.*\n.*ADDITIONAL: 0\n$`},
		{"nosuch.test +noall +comments", `status: NXDOMAIN`},
		{"+noall +comments web.test", `\n; EDNS: version 0; flags:; udp: 1232\n; EDE: 0 \(Other\): \(\?\[31mred\?;; false line\)\n; [^\n]*sip:a\?\?b\n$`},
		{"+trace web.test", `(?s)^\.\t60\tIN\tNS\tns\.test\.\n;; Received \d+ bytes from 127\.0\.0\.1#PORT.*\nweb\.test\.\t60\tIN\tA\t10\.0\.0\.7\n;; Received`},
		{"test axfr", `^test\.\t60\tIN\tSOA\t.*\nweb\.test\.\t60\tIN\tA\t10\.0\.0\.7\ntest\.\t`},
		{"+tcp +noall +stats web.test", `\(TCP\)`},
	} {
		args := append([]string{"@127.0.0.1", "-p", port}, strings.Fields(row.args)...)
		text, status := tooltest.Stdout(t, func() int { return Dig(args) })
		if want := strings.ReplaceAll(row.want, "PORT", port); status != 0 || !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("dig %s: status %d, prints\n%s\nwant %q", row.args, status, text, want)
		}
	}
}

// An empty argument, as an unset variable makes it, is no name.
func TestDigWithoutAName(t *testing.T) {
	for _, args := range [][]string{{""}, {"@127.0.0.1", "", "A"}} {
		if text, status := tooltest.Stderr(t, func() int { return Dig(args) }); status == 0 || !strings.Contains(text, "an argument is empty") {
			t.Errorf("dig %q: status %d, prints %q", args, status, text)
		}
	}
}
