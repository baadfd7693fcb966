package decode

import (
	"encoding/binary"
	"fmt"
	"net"
)

func (p *Printer) icmp(s segment) string {
	b := s.data
	if len(b) < 8 {
		return "[|icmp]"
	}
	text := ""
	switch b[0] {
	case 0, 8:
		name := map[byte]string{0: "reply", 8: "request"}[b[0]]
		text = fmt.Sprintf("echo %s, id %d, seq %d", name, binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:]))
	case 3:
		text = p.unreachable(b)
	case 4:
		text = "source quench"
	case 5:
		kind := []string{"net", "host", "net", "host"}[b[1]&3]
		text = fmt.Sprintf("redirect %s to %s", kind, p.host(net.IP(b[4:8])))
		if len(b) >= 28 {
			text = fmt.Sprintf("redirect %s to %s %s", p.host(net.IP(b[24:28])), kind, p.host(net.IP(b[4:8])))
		}
	case 9:
		text = "router advertisement"
	case 10:
		text = "router solicitation"
	case 11:
		text = map[byte]string{0: "time exceeded in-transit", 1: "ip reassembly time exceeded"}[b[1]]
	case 12:
		text = fmt.Sprintf("parameter problem - octet %d", b[4])
	case 13, 14:
		text = map[byte]string{13: "time stamp query", 14: "time stamp reply"}[b[0]] + fmt.Sprintf(" id %d seq %d", binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:]))
	}
	if text == "" {
		text = fmt.Sprintf("type-#%d code %d", b[0], b[1])
	}
	return fmt.Sprintf("%s, length %d", text, s.size)
}

// unreachable prints the target that an error is about, which is in the packet that it quotes.
func (p *Printer) unreachable(b []byte) string {
	code, quoted := b[1], b[8:]
	if len(quoted) < 20 {
		return fmt.Sprintf("unreachable - #%d", code)
	}
	to := p.host(net.IP(quoted[16:20]))
	switch code {
	case 0:
		return fmt.Sprintf("net %s unreachable", to)
	case 1:
		return fmt.Sprintf("host %s unreachable", to)
	case 2:
		return fmt.Sprintf("%s protocol %d unreachable", to, quoted[9])
	case 3:
		head := int(quoted[0]&0xf) * 4
		if len(quoted) < head+4 {
			return fmt.Sprintf("%s port unreachable", to)
		}
		port, protocol := binary.BigEndian.Uint16(quoted[head+2:]), map[byte]string{6: "tcp", 17: "udp", 132: "sctp"}[quoted[9]]
		if protocol == "" {
			return fmt.Sprintf("%s protocol %d port %d unreachable", to, quoted[9], port)
		}
		return fmt.Sprintf("%s %s port %s unreachable", to, protocol, p.port(port, protocol))
	case 4:
		return fmt.Sprintf("%s unreachable - need to frag (mtu %d)", to, binary.BigEndian.Uint16(b[6:]))
	case 9:
		return fmt.Sprintf("net %s unreachable - admin prohibited", to)
	case 10:
		return fmt.Sprintf("host %s unreachable - admin prohibited", to)
	case 13:
		return fmt.Sprintf("host %s unreachable - admin prohibited filter", to)
	}
	return fmt.Sprintf("%s unreachable - #%d", to, code)
}

func (p *Printer) icmp6(s segment) string {
	b := s.data
	if len(b) < 8 {
		return "[|icmp6]"
	}
	text := ""
	target := func() string {
		if len(b) < 24 {
			return "[|icmp6]"
		}
		return p.host(net.IP(b[8:24]))
	}
	switch b[0] {
	case 1:
		text = "destination unreachable, " + p.unreachable6(b)
	case 2:
		text = fmt.Sprintf("packet too big, mtu %d", binary.BigEndian.Uint32(b[4:]))
	case 3:
		text = map[byte]string{0: "time exceeded in-transit", 1: "ip6 reassembly time exceeded"}[b[1]]
	case 4:
		text = "parameter problem"
	case 128, 129:
		name := map[byte]string{128: "request", 129: "reply"}[b[0]]
		text = fmt.Sprintf("echo %s, id %d, seq %d", name, binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:]))
	case 130:
		text = "multicast listener query"
	case 131:
		text = "multicast listener report"
	case 132:
		text = "multicast listener done"
	case 133:
		text = "router solicitation"
	case 134:
		text = "router advertisement"
	case 135:
		text = "neighbor solicitation, who has " + target()
	case 136:
		text = "neighbor advertisement, tgt is " + target()
	case 137:
		text = "redirect, to " + target()
	case 143:
		text = fmt.Sprintf("multicast listener report v2, %d group record(s)", binary.BigEndian.Uint16(b[6:]))
	}
	if text == "" {
		text = fmt.Sprintf("type-#%d code %d", b[0], b[1])
	}
	return fmt.Sprintf("%s, length %d", text, s.size)
}

func (p *Printer) unreachable6(b []byte) string {
	code, quoted := b[1], b[8:]
	if code == 4 && len(quoted) >= 44 {
		protocol := map[byte]string{6: "tcp", 17: "udp"}[quoted[6]]
		port := binary.BigEndian.Uint16(quoted[42:])
		return fmt.Sprintf("unreachable port, %s %s port %d", p.host(net.IP(quoted[24:40])), protocol, port)
	}
	name := map[byte]string{0: "unreachable route", 1: "unreachable prohibited", 2: "beyond scope", 3: "unreachable address", 4: "unreachable port"}[code]
	if name == "" {
		return fmt.Sprintf("unknown unreach code (%d)", code)
	}
	if len(quoted) >= 40 {
		name += " " + p.host(net.IP(quoted[24:40]))
	}
	return name
}
