package decode

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
)

// segment is what a packet of IP has in it.
type segment struct {
	six      bool
	from, to net.IP
	protocol int
	data     []byte
	size     int // in bytes, before it was shortened
}

// ip4 prints a packet, which had length bytes before it was shortened.
func (p *Printer) ip4(b []byte, length int) string {
	if len(b) < 20 {
		return "[|ip]"
	}
	head, total := int(b[0]&0xf)*4, int(binary.BigEndian.Uint16(b[2:]))
	if total == 0 { // it is left to the network card
		total = length
	}
	before := ""
	if total > length {
		before = fmt.Sprintf("truncated-ip - %d bytes missing! ", total-length)
		total = length
	}
	switch {
	case b[0]>>4 != 4:
		return fmt.Sprintf("version error: 4 != %d", b[0]>>4)
	case head < 20:
		return fmt.Sprintf("bad-hlen %d", head)
	case total < head:
		return before + fmt.Sprintf("bad-len %d", total)
	case len(b) < head:
		return "[|ip]"
	}
	flags := binary.BigEndian.Uint16(b[6:])
	offset := int(flags&0x1fff) * 8
	s := segment{from: net.IP(b[12:16]), to: net.IP(b[16:20]), protocol: int(b[9]), data: b[head:min(total, len(b))], size: total - head}
	if p.Verbose > 0 {
		words := []string{}
		if flags&0x4000 != 0 {
			words = append(words, "DF")
		}
		if flags&0x2000 != 0 {
			words = append(words, "+")
		}
		if len(words) == 0 {
			words = []string{"none"}
		}
		before += fmt.Sprintf("(tos 0x%x, ttl %d, id %d, offset %d, flags [%s], proto %s (%d), length %d)\n    ", b[1], b[8], binary.BigEndian.Uint16(b[4:]),
			offset, strings.Join(words, ", "), protocolName(s.protocol), s.protocol, total)
	}
	if offset != 0 {
		return before + fmt.Sprintf("%s > %s: %s", p.host(s.from), p.host(s.to), fragmentName(s.protocol))
	}
	return before + p.segment(s)
}

func protocolName(n int) string {
	if name, ok := map[int]string{1: "ICMP", 2: "IGMP", 4: "IPIP", 6: "TCP", 17: "UDP", 41: "IPv6", 47: "GRE", 50: "ESP", 51: "AH", 58: "ICMPv6", 89: "OSPF", 103: "PIM", 112: "VRRP", 132: "SCTP"}[n]; ok {
		return name
	}
	return "unknown"
}

func fragmentName(n int) string {
	if name := protocolName(n); name != "unknown" {
		return strings.ToLower(name)
	}
	return fmt.Sprintf("ip-proto-%d", n)
}

// mostHeaders is how many headers of a packet of IPv6 are looked at.
const mostHeaders = 16

// The headers that may follow that of IPv6.
const (
	hopByHop    = 0
	routing     = 43
	fragment    = 44
	destination = 60
)

// ip6 prints a packet, which had total bytes before it was shortened.
func (p *Printer) ip6(b []byte, total int) string {
	const size = 40
	if len(b) < size {
		return "[|ip6]"
	}
	if b[0]>>4 != 6 {
		return fmt.Sprintf("version error: 6 != %d", b[0]>>4)
	}
	length, next := int(binary.BigEndian.Uint16(b[4:])), int(b[6])
	if length == 0 {
		length = len(b) - size
	}
	before := ""
	if missing := size + length - total; missing > 0 {
		before = fmt.Sprintf("truncated-ip6 - %d bytes missing!", missing)
	}
	if p.Verbose > 0 {
		before += fmt.Sprintf("(flowlabel 0x%05x, hlim %d, next-header %s (%d) payload length: %d) ", binary.BigEndian.Uint32(b)&0xfffff, b[7], protocolName(next), next, length)
	}
	s := segment{six: true, from: net.IP(b[8:24]), to: net.IP(b[24:40]), data: b[size:min(len(b), size+length)], size: length}
	extra := ""
	for count := 0; next == hopByHop || next == routing || next == fragment || next == destination; count++ {
		if len(s.data) < 8 || count == mostHeaders {
			return before + fmt.Sprintf("%s > %s: %s[|ip6]", p.host(s.from), p.host(s.to), extra)
		}
		n := 8
		switch next {
		case fragment:
			offset := binary.BigEndian.Uint16(s.data[2:])
			extra += fmt.Sprintf("frag (%d|%d) ", offset&^7, s.size-n)
			if offset&^7 != 0 {
				return before + fmt.Sprintf("%s > %s: %s", p.host(s.from), p.host(s.to), strings.TrimSuffix(extra, " "))
			}
		default:
			n = 8 + 8*int(s.data[1])
			extra += map[int]string{hopByHop: "HBH ", routing: "srcrt ", destination: "DSTOPT "}[next]
		}
		next = int(s.data[0])
		s.data, s.size = s.data[min(n, len(s.data)):], s.size-n
	}
	s.protocol = next
	if s.size < 0 {
		return before + fmt.Sprintf("%s > %s: %s[|ip6]", p.host(s.from), p.host(s.to), extra)
	}
	text := p.segment(s)
	if extra != "" {
		if addresses, rest, ok := strings.Cut(text, ": "); ok {
			text = addresses + ": " + extra + rest
		}
	}
	return before + text
}

// segment prints what a packet of IP has in it.
func (p *Printer) segment(s segment) string {
	switch s.protocol {
	case 6:
		return p.tcp(s)
	case 17:
		return p.udp(s)
	}
	text := ""
	switch s.protocol {
	case 1:
		text = "ICMP " + p.icmp(s)
	case 58:
		text = "ICMP6, " + p.icmp6(s)
	case 2:
		text = igmp(s)
	case 4, 41:
		if s.protocol == 4 {
			text = "IP " + p.nested(s, typeIP)
		} else {
			text = "IP6 " + p.nested(s, typeIP6)
		}
	case 59:
		text = "no next header"
	default:
		text = fmt.Sprintf("ip-proto-%d %d", s.protocol, s.size)
	}
	return fmt.Sprintf("%s > %s: %s", p.host(s.from), p.host(s.to), text)
}

// nested prints a packet in a packet. One that is in that one is not printed.
func (p *Printer) nested(s segment, kind uint16) string {
	if p.depth > 0 {
		return fmt.Sprintf("length %d", s.size)
	}
	inner := *p
	inner.Verbose = 0
	inner.depth++
	if kind == typeIP {
		return inner.ip4(s.data, s.size)
	}
	return inner.ip6(s.data, s.size)
}

func igmp(s segment) string {
	if len(s.data) < 8 {
		return "igmp [|igmp]"
	}
	group := net.IP(s.data[4:8])
	switch s.data[0] {
	case 0x11:
		if group.IsUnspecified() {
			return "igmp query v2"
		}
		return fmt.Sprintf("igmp query v2 [gaddr %s]", group)
	case 0x12:
		return fmt.Sprintf("igmp v1 report %s", group)
	case 0x16:
		return fmt.Sprintf("igmp v2 report %s", group)
	case 0x17:
		return fmt.Sprintf("igmp leave %s", group)
	case 0x22:
		return fmt.Sprintf("igmp v3 report, %d group record(s)", binary.BigEndian.Uint16(s.data[6:]))
	}
	return fmt.Sprintf("igmp-%d", s.data[0])
}
