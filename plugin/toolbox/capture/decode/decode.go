// Package decode prints packets as tcpdump does. They come from anybody: what they hold is printed without control
// characters, and nothing is read beyond the end of a packet.
package decode

import (
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Names looks up names of addresses and of ports.
type Names interface {
	Host(ip net.IP) string
	Port(port uint16, protocol string) string
}

// Options are how packets are printed.
type Options struct {
	Verbose, Stamps, Hex, Both           int // how often an option is given
	Quiet, Link, Absolute, Number, ASCII bool
	Names                                Names // nil: numbers are printed
}

// Printer prints the packets of a capture.
type Printer struct {
	Options
	link        uint32
	header      int // bytes
	depth       int // of packets in packets
	count       int
	first, last time.Time
	flows       map[flow]sequence
	devices     map[int]string
}

// New returns a printer for packets of a link, by its number in files of packets, with this size of its header.
func New(o Options, link uint32, header int) *Printer {
	return &Printer{Options: o, link: link, header: header, flows: make(map[flow]sequence), devices: make(map[int]string)}
}

// Packet returns the lines for a packet. length is how long it was before it was shortened.
func (p *Printer) Packet(at time.Time, data []byte, length int) string {
	var out strings.Builder
	p.count++
	if p.Number {
		fmt.Fprintf(&out, "%5d  ", p.count)
	}
	out.WriteString(p.stamp(at))
	out.WriteString(p.frame(data, length))
	out.WriteByte('\n')
	payload := data[min(p.header, len(data)):]
	switch {
	case p.ASCII:
		out.WriteString(readable(payload) + "\n")
	case p.Both > 1:
		out.WriteString(dump(data, true))
	case p.Both > 0:
		out.WriteString(dump(payload, true))
	case p.Hex > 1:
		out.WriteString(dump(data, false))
	case p.Hex > 0:
		out.WriteString(dump(payload, false))
	}
	return out.String()
}

// stamp returns the time of a packet, with a space.
func (p *Printer) stamp(at time.Time) string {
	before := p.last
	if p.first.IsZero() {
		p.first, before = at, at
	}
	p.last = at
	switch p.Stamps {
	case 0:
		return at.Format("15:04:05.000000 ")
	case 1:
		return ""
	case 2:
		return fmt.Sprintf("%d.%06d ", at.Unix(), at.Nanosecond()/1000)
	case 4:
		return at.Format("2006-01-02 15:04:05.000000 ")
	case 3:
		return since(at.Sub(before))
	}
	return since(at.Sub(p.first))
}

func since(d time.Duration) string {
	sign := " "
	if d < 0 {
		sign, d = "-", -d
	}
	return fmt.Sprintf("%s%02d:%02d:%02d.%06d ", sign, int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60, d.Microseconds()%1e6)
}

// The kinds of links, by their numbers in files of packets.
const (
	ethernet = 1
	raw      = 101
	cooked   = 113
	cooked2  = 276
)

// frame prints a packet with the header of its link.
func (p *Printer) frame(data []byte, length int) string {
	if len(data) < p.header || len(data) == 0 {
		return "[|link]"
	}
	rest, size := data[p.header:], length-p.header
	switch p.link {
	case ethernet:
		kind := binary.BigEndian.Uint16(data[12:])
		head := ""
		if p.Link {
			head = fmt.Sprintf("%s > %s, %s, length %d: ", hardware(data[6:12]), hardware(data[:6]), etherName(kind), length)
		}
		return p.payload(head, kind, rest, size)
	case cooked, cooked2:
		return p.cooked(data, rest, length, size)
	}
	switch rest[0] >> 4 {
	case 4:
		return p.payload("", typeIP, rest, size)
	case 6:
		return p.payload("", typeIP6, rest, size)
	}
	return fmt.Sprintf("IP version %d, length %d", rest[0]>>4, size)
}

// directions are what the kernel says of a packet, see packet(7).
var directions = []string{"In", "B", "M", "P", "Out"}

// cooked prints a packet with one of the headers that Linux makes up for a link.
func (p *Printer) cooked(data, rest []byte, length, size int) string {
	kind, where, address, count := uint16(0), int(data[1]), data[6:14], int(binary.BigEndian.Uint16(data[4:]))
	device := ""
	if p.link == cooked {
		kind = binary.BigEndian.Uint16(data[14:])
	} else {
		kind, where, address, count = binary.BigEndian.Uint16(data), int(data[10]), data[12:20], int(data[11])
		device = fmt.Sprintf("%-5s ", p.device(int(binary.BigEndian.Uint32(data[4:]))))
	}
	direction := "?"
	if where < len(directions) {
		direction = directions[where]
	}
	head := fmt.Sprintf("%s%-3s ", device, direction)
	if p.Link {
		head += fmt.Sprintf("%s, %s, length %d: ", hardware(address[:min(count, 8)]), etherName(kind), length)
	}
	text := p.payload("", kind, rest, size)
	if p.Link {
		return head + strings.TrimPrefix(strings.TrimPrefix(text, "IP6 "), "IP ")
	}
	return head + text
}

// device returns the name of an interface.
func (p *Printer) device(index int) string {
	name, ok := p.devices[index]
	if !ok && len(p.devices) < 1000 {
		name = strconv.Itoa(index)
		if found, err := net.InterfaceByIndex(index); err == nil {
			name = tool.Printable(found.Name)
		}
		p.devices[index] = name
	}
	return name
}

// The types of Ethernet's payloads.
const (
	typeIP   = 0x0800
	typeARP  = 0x0806
	typeVLAN = 0x8100
	typeQinQ = 0x88a8
	typeIP6  = 0x86dd
)

func etherName(kind uint16) string {
	name, ok := map[uint16]string{typeIP: "IPv4", typeARP: "ARP", typeVLAN: "802.1Q", typeQinQ: "802.1Q-QinQ", typeIP6: "IPv6", 0x88cc: "LLDP", 0x8863: "PPPoE D", 0x8864: "PPPoE S", 0x888e: "EAPOL", 0x8847: "MPLS unicast", 0x8035: "Reverse ARP"}[kind]
	if !ok {
		name = "Unknown"
	}
	if kind <= 1500 {
		return fmt.Sprintf("802.3, length %d", kind)
	}
	return fmt.Sprintf("ethertype %s (0x%04x)", name, kind)
}

// payload prints what an Ethernet frame has in it. head is the link's header, if it is printed.
func (p *Printer) payload(head string, kind uint16, b []byte, size int) string {
	for depth := 0; kind == typeVLAN || kind == typeQinQ; depth++ {
		if len(b) < 4 || depth > 8 {
			return head + "[|vlan]"
		}
		if p.Link {
			head += fmt.Sprintf("vlan %d, p %d, ", binary.BigEndian.Uint16(b)&0xfff, b[0]>>5)
		}
		kind, b, size = binary.BigEndian.Uint16(b[2:]), b[4:], size-4
		if p.Link {
			head += etherName(kind) + ", "
		}
	}
	mark := func(text string) string {
		if head == "" {
			return text
		}
		return head
	}
	switch kind {
	case typeIP:
		return mark("IP ") + p.ip4(b, size)
	case typeIP6:
		return mark("IP6 ") + p.ip6(b, size)
	case typeARP:
		return mark("ARP, ") + p.arp(b, size)
	}
	if head == "" {
		return fmt.Sprintf("%s, length %d", etherName(kind), size)
	}
	return strings.TrimSuffix(strings.TrimSuffix(head, ", "), ": ") + ":"
}

func hardware(b []byte) string {
	if text := net.HardwareAddr(b).String(); text != "ff:ff:ff:ff:ff:ff" {
		return text
	}
	return "Broadcast"
}

func (p *Printer) arp(b []byte, size int) string {
	if len(b) < 8 {
		return "[|arp]"
	}
	hard, proto := int(b[4]), int(b[5])
	if len(b) < 8+2*hard+2*proto {
		return "[|arp]"
	}
	sender, from := b[8:8+hard], b[8+hard:8+hard+proto]
	rest := b[8+hard+proto:]
	target, to := rest[:hard], rest[hard:hard+proto]
	if proto != 4 {
		return fmt.Sprintf("Unknown Protocol (0x%04x), length %d", binary.BigEndian.Uint16(b[2:]), size)
	}
	switch operation := binary.BigEndian.Uint16(b[6:]); operation {
	case 1:
		also := ""
		if net.HardwareAddr(target).String() != "00:00:00:00:00:00" {
			also = fmt.Sprintf(" (%s)", hardware(target))
		}
		return fmt.Sprintf("Request who-has %s%s tell %s, length %d", p.host(to), also, p.host(from), size)
	case 2:
		return fmt.Sprintf("Reply %s is-at %s, length %d", p.host(from), hardware(sender), size)
	default:
		return fmt.Sprintf("Unknown (%d), length %d", operation, size)
	}
}

// host returns the name of an address.
func (p *Printer) host(ip net.IP) string {
	if p.Names == nil {
		return ip.String()
	}
	return tool.Printable(p.Names.Host(ip))
}

// at returns the name of an address and a port.
func (p *Printer) at(ip net.IP, port uint16, protocol string) string {
	return p.host(ip) + "." + p.port(port, protocol)
}

// port returns the name of a port.
func (p *Printer) port(number uint16, protocol string) string {
	if p.Names == nil {
		return strconv.Itoa(int(number))
	}
	return tool.Printable(p.Names.Port(number, protocol))
}

// dump returns bytes in hexadecimal, and as text.
func dump(data []byte, text bool) string {
	var out strings.Builder
	for at := 0; at < len(data); at += 16 {
		part := data[at:min(len(data), at+16)]
		var digits, shown strings.Builder
		for i, b := range part {
			if i%2 == 0 && i > 0 {
				digits.WriteByte(' ')
			}
			fmt.Fprintf(&digits, "%02x", b)
			if b <= ' ' || b > '~' {
				b = '.'
			}
			shown.WriteByte(b)
		}
		if text {
			fmt.Fprintf(&out, "\t0x%04x:  %-39s  %s\n", at, digits.String(), shown.String())
		} else {
			fmt.Fprintf(&out, "\t0x%04x:  %s\n", at, digits.String())
		}
	}
	return out.String()
}

// readable returns bytes as text. Those that do not print are dots.
func readable(data []byte) string {
	out := make([]byte, 0, len(data))
	for i, b := range data {
		switch {
		case b == '\r' && i+1 < len(data) && data[i+1] == '\n':
			continue
		case b != '\n' && b != '\t' && (b < ' ' || b > '~'):
			b = '.'
		}
		out = append(out, b)
	}
	return string(out)
}
