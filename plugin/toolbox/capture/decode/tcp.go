package decode

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// flow is a connection of TCP. The lower end is first, so that both directions have the same one.
type flow struct{ low, high netip.AddrPort }

// sequence is where the numbers of a flow begin.
type sequence struct{ low, high uint32 }

// flows is how many connections are remembered.
const flows = 10000

// relative returns the numbers of a segment counted from the first segment with an acknowledgment that was seen of a
// connection. That one has the numbers as they are sent. begin is what was taken off.
func (p *Printer) relative(source, target netip.AddrPort, seq, ack uint32, syn bool) (relativeSeq, relativeAck uint32, begin sequence) {
	f, forward := flow{source, target}, true
	if target.Compare(source) < 0 {
		f, forward = flow{target, source}, false
	}
	known, ok := p.flows[f]
	if !ok || syn {
		if len(p.flows) >= flows {
			clear(p.flows)
		}
		known = sequence{seq, ack - 1}
		if !forward {
			known = sequence{ack - 1, seq}
		}
		p.flows[f] = known
		return seq, ack, sequence{}
	}
	if !forward {
		known.low, known.high = known.high, known.low
	}
	return seq - known.low, ack - known.high, known
}

const (
	fin = 1 << iota
	syn
	rst
	psh
	ack
	urg
)

func flagsOf(b byte) string {
	var out strings.Builder
	for _, flag := range []struct {
		bit    byte
		letter string
	}{{fin, "F"}, {syn, "S"}, {rst, "R"}, {psh, "P"}, {ack, "."}, {urg, "U"}, {0x40, "E"}, {0x80, "W"}} {
		if b&flag.bit != 0 {
			out.WriteString(flag.letter)
		}
	}
	if out.Len() == 0 {
		return "none"
	}
	return out.String()
}

// ends returns what begins a line of TCP or UDP, with the ports. ok is false if the header is not whole, which the text says.
func (p *Printer) ends(s segment, protocol string, size int) (text string, source, target uint16, ok bool) {
	if len(s.data) < 4 {
		return fmt.Sprintf("%s > %s: [|%s]", p.host(s.from), p.host(s.to), protocol), 0, 0, false
	}
	source, target = binary.BigEndian.Uint16(s.data), binary.BigEndian.Uint16(s.data[2:])
	text = fmt.Sprintf("%s > %s: ", p.at(s.from, source, protocol), p.at(s.to, target, protocol))
	if len(s.data) < size {
		return text + "[|" + protocol + "]", 0, 0, false
	}
	return text, source, target, true
}

func (p *Printer) tcp(s segment) string {
	const size = 20
	text, source, target, ok := p.ends(s, "tcp", size)
	if !ok {
		return text
	}
	head := int(s.data[12]>>4) * 4
	switch {
	case head < size:
		return text + fmt.Sprintf("Flags [%s], bad hdr length %d - too short, < %d", flagsOf(s.data[13]), head, size)
	case head > s.size:
		return text + fmt.Sprintf("Flags [%s], bad hdr length %d - too long, > %d", flagsOf(s.data[13]), head, s.size)
	}
	length := s.size - head
	if p.Quiet {
		return text + fmt.Sprintf("tcp %d", length)
	}
	flags := s.data[13]
	number, acknowledged, begin := binary.BigEndian.Uint32(s.data[4:]), binary.BigEndian.Uint32(s.data[8:]), sequence{}
	if !p.Absolute && flags&ack != 0 {
		from, _ := netip.AddrFromSlice(s.from)
		to, _ := netip.AddrFromSlice(s.to)
		number, acknowledged, begin = p.relative(netip.AddrPortFrom(from, source), netip.AddrPortFrom(to, target), number, acknowledged, flags&syn != 0)
	}
	text += fmt.Sprintf("Flags [%s]", flagsOf(flags))
	if p.Verbose > 0 {
		text += fmt.Sprintf(", cksum 0x%04x", binary.BigEndian.Uint16(s.data[16:]))
	}
	if length > 0 {
		text += fmt.Sprintf(", seq %d:%d", number, number+uint32(length))
	} else if flags&(syn|fin|rst) != 0 || p.Verbose > 1 {
		text += fmt.Sprintf(", seq %d", number)
	}
	if flags&ack != 0 {
		text += fmt.Sprintf(", ack %d", acknowledged)
	}
	text += fmt.Sprintf(", win %d", binary.BigEndian.Uint16(s.data[14:]))
	if flags&urg != 0 {
		text += fmt.Sprintf(", urg %d", binary.BigEndian.Uint16(s.data[18:]))
	}
	if head > size {
		text += ", options [" + tcpOptions(s.data[size:min(head, len(s.data))], begin) + "]"
	}
	text += fmt.Sprintf(", length %d", length)
	return text + p.application(s.data[min(head, len(s.data)):], source, target)
}

// tcpOptions prints the options of a segment.
func tcpOptions(b []byte, begin sequence) string {
	var list []string
	for len(b) > 0 {
		switch b[0] {
		case 0:
			list, b = append(list, "eol"), nil
			continue
		case 1:
			list, b = append(list, "nop"), b[1:]
			continue
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			list = append(list, "[|tcp]")
			break
		}
		list, b = append(list, tcpOption(b[0], b[2:b[1]], begin)), b[b[1]:]
	}
	return strings.Join(list, ",")
}

func tcpOption(kind byte, value []byte, begin sequence) string {
	switch {
	case kind == 2 && len(value) == 2:
		return fmt.Sprintf("mss %d", binary.BigEndian.Uint16(value))
	case kind == 3 && len(value) == 1:
		return fmt.Sprintf("wscale %d", value[0])
	case kind == 4 && len(value) == 0:
		return "sackOK"
	case kind == 5 && len(value)%8 == 0:
		var text strings.Builder
		fmt.Fprintf(&text, "sack %d ", len(value)/8)
		for i := 0; i < len(value); i += 8 {
			fmt.Fprintf(&text, "{%d:%d}", binary.BigEndian.Uint32(value[i:])-begin.high, binary.BigEndian.Uint32(value[i+4:])-begin.high)
		}
		return text.String()
	case kind == 8 && len(value) == 8:
		return fmt.Sprintf("TS val %d ecr %d", binary.BigEndian.Uint32(value), binary.BigEndian.Uint32(value[4:]))
	case kind == 34:
		return fmt.Sprintf("tfo cookie %x", value)
	}
	return "unknown-" + strconv.Itoa(int(kind)) + fmt.Sprintf(" 0x%x", value)
}

// mostLines is how many lines of a segment are printed.
const mostLines = 64

// application prints the first line of a request or an answer of HTTP.
func (p *Printer) application(b []byte, source, target uint16) string {
	web := func(port uint16) bool { return port == 80 || port == 8080 || port == 3128 }
	if !web(source) && !web(target) || len(b) == 0 {
		return ""
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	word, _, _ := strings.Cut(string(line), " ")
	switch word {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "HTTP/1.1", "HTTP/1.0":
	default:
		return ": HTTP"
	}
	text := ": HTTP: " + tool.Printable(strings.TrimSuffix(string(line), "\r"))
	if p.Verbose == 0 {
		return text
	}
	var out strings.Builder
	out.WriteString(text)
	count := 0
	for line := range bytes.Lines(b) {
		if count++; count > mostLines {
			out.WriteString("\n\t...")
			break
		}
		out.WriteString("\n\t" + tool.Printable(strings.TrimRight(string(line), "\r\n")))
	}
	return out.String()
}
