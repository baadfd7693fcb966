package decode

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

func (p *Printer) udp(s segment) string {
	const size = 8
	text, source, target, ok := p.ends(s, "udp", size)
	if !ok {
		return text
	}
	length := int(binary.BigEndian.Uint16(s.data[4:]))
	if length == 0 { // a jumbogram
		length = s.size
	}
	if length < size {
		return text + fmt.Sprintf("truncated-udplength %d", length)
	}
	length -= size
	if p.Verbose > 0 {
		if sum := binary.BigEndian.Uint16(s.data[6:]); sum == 0 {
			text += "[no cksum] "
		} else {
			text += fmt.Sprintf("[cksum 0x%04x] ", sum)
		}
	}
	body := s.data[size:min(len(s.data), size+length)]
	named := func(port uint16) bool { return port == 53 || port == 5353 }
	if !p.Quiet && (named(source) || named(target)) {
		if shown, ok := question(body, length); ok {
			return text + shown
		}
	}
	return text + fmt.Sprintf("UDP, length %d", length)
}

// question prints a message of DNS.
func question(b []byte, length int) (string, bool) {
	m := new(dns.Msg)
	if len(b) < 12 || m.Unpack(b) != nil {
		return "", false
	}
	flag := func(set bool, text string) string {
		if set {
			return text
		}
		return ""
	}
	text := fmt.Sprintf("%d", m.Id)
	if m.Opcode != dns.OpcodeQuery {
		text += " " + strings.ToLower(dns.OpcodeToString[m.Opcode])
	}
	if !m.Response {
		text += flag(m.RecursionDesired, "+") + flag(m.CheckingDisabled, "%")
		if counts := len(m.Answer) + len(m.Ns) + len(m.Extra); counts > 0 {
			text += " " + flag(len(m.Answer) > 0, fmt.Sprintf("[%da]", len(m.Answer))) + flag(len(m.Ns) > 0, fmt.Sprintf("[%dn]", len(m.Ns))) + flag(len(m.Extra) > 0, fmt.Sprintf("[%dau]", len(m.Extra)))
		}
		text += listed(m.Question, "", func(q dns.Question) string { return fmt.Sprintf(" %s? %s", dns.Type(q.Qtype), q.Name) })
		return tool.Printable(text) + fmt.Sprintf(" (%d)", length), true
	}
	if m.Rcode != dns.RcodeSuccess {
		code, ok := map[int]string{dns.RcodeNameError: "NXDomain", dns.RcodeServerFailure: "ServFail", dns.RcodeRefused: "Refused", dns.RcodeFormatError: "FormErr", dns.RcodeNotImplemented: "NotImp"}[m.Rcode]
		if !ok {
			code = dns.RcodeToString[m.Rcode]
		}
		text += " " + code
	}
	text += flag(m.Authoritative, "*") + flag(!m.RecursionAvailable, "-") + flag(m.Truncated, "|") + flag(m.AuthenticatedData, "$")
	text += fmt.Sprintf(" %d/%d/%d", len(m.Answer), len(m.Ns), len(m.Extra))
	text += listed(m.Answer, ",", answer)
	return tool.Printable(text) + fmt.Sprintf(" (%d)", length), true
}

// mostRecords is how many questions or answers are printed. A packet of 64 KB can have thousands, each with a long name.
const mostRecords = 30

func listed[T any](list []T, between string, show func(T) string) string {
	var out strings.Builder
	for i, one := range list {
		if i > 0 {
			out.WriteString(between)
		}
		if i == mostRecords {
			out.WriteString(" ...")
			break
		}
		out.WriteString(show(one))
	}
	return out.String()
}

// answer prints a record. What is in a long one of a kind that is rare is not printed: as text, it can be much longer.
func answer(r dns.RR) string {
	const long = 255
	header := r.Header()
	text := " " + dns.Type(header.Rrtype).String()
	switch r.(type) {
	case *dns.A, *dns.AAAA, *dns.NS, *dns.CNAME, *dns.DNAME, *dns.PTR, *dns.MX, *dns.TXT, *dns.SRV, *dns.SOA:
	default:
		if header.Rdlength > long {
			return text
		}
	}
	return text + " " + strings.TrimPrefix(r.String(), header.String())
}
