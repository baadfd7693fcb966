package domain

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// shown returns a record without control characters but the tabs between its parts.
func shown(record string) string {
	parts := strings.Split(record, "\t")
	for i := range parts {
		parts[i] = tool.Printable(parts[i])
	}
	return strings.Join(parts, "\t")
}

// serverName writes a server as dig does: ADDRESS#PORT(ADDRESS).
func serverName(at string) string {
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return tool.Printable(at)
	}
	return tool.Printable(host + "#" + port + "(" + host + ")")
}

// print prints an answer in the parts that are wanted.
func (q *dig) print(m *dns.Msg, took time.Duration, server string) {
	if q.short {
		q.values(m, took, server)
		return
	}
	if !q.hide["cmd"] {
		tool.Printf("\n; <<>> DiG of docker nsjoin <<>> %s\n;; global options: +cmd\n", tool.Printable(strings.Join(q.args, " ")))
	}
	comments := !q.hide["comments"]
	if comments {
		header := strings.Replace(m.MsgHdr.String(), ";; opcode", ";; Got answer:\n;; ->>HEADER<<- opcode", 1)
		tool.Printf("%s QUERY: %d, ANSWER: %d, AUTHORITY: %d, ADDITIONAL: %d\n", header, len(m.Question), len(m.Answer), len(m.Ns), len(m.Extra))
		if opt := m.IsEdns0(); opt != nil {
			for _, line := range options(opt) {
				tool.Println(line)
			}
		}
	}
	if !q.hide["question"] {
		if comments {
			tool.Println("\n;; QUESTION SECTION:")
		}
		for _, question := range m.Question {
			tool.Println(shown(question.String()))
		}
	}
	q.section("answer", "ANSWER", m.Answer)
	q.section("authority", "AUTHORITY", m.Ns)
	q.section("additional", "ADDITIONAL", m.Extra)
	if !q.hide["stats"] {
		network := "UDP"
		if q.tcp {
			network = "TCP"
		}
		tool.Printf("\n;; Query time: %d msec\n;; SERVER: %s (%s)\n;; WHEN: %s\n;; MSG SIZE  rcvd: %d\n\n",
			took.Milliseconds(), serverName(server), network, time.Now().Format(time.UnixDate), m.Len())
	}
}

// values prints what +short does.
func (q *dig) values(m *dns.Msg, took time.Duration, server string) {
	for _, r := range m.Answer {
		text := tool.Printable(strings.TrimPrefix(r.String(), r.Header().String()))
		if q.identify {
			host, _, _ := net.SplitHostPort(server)
			text += fmt.Sprintf(" from server %s in %d ms.", tool.Printable(host), took.Milliseconds())
		}
		tool.Println(text)
	}
}

// options returns the lines of an answer's OPT record. The text of an option may be any bytes of the server's, newlines too.
func options(opt *dns.OPT) []string {
	bare := &dns.OPT{Hdr: opt.Hdr}
	head := bare.String()
	lines := strings.Split(head, "\n")
	for _, option := range opt.Option {
		bare.Option = []dns.EDNS0{option}
		if text, ok := strings.CutPrefix(bare.String(), head+"\n"); ok {
			lines = append(lines, tool.Printable(text))
		}
	}
	return lines
}

// section prints the records of a part.
func (q *dig) section(part, title string, records []dns.RR) {
	var lines []string
	for _, r := range records {
		if _, isOption := r.(*dns.OPT); !isOption {
			lines = append(lines, shown(r.String()))
		}
	}
	if q.hide[part] || len(lines) == 0 {
		return
	}
	if !q.hide["comments"] {
		tool.Printf("\n;; %s SECTION:\n", title)
	}
	for _, line := range lines {
		tool.Println(line)
	}
}
