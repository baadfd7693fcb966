package filter

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// place parses the name or address of a host or of a net.
func (p *parser) place(q qualifiers) (node, error) {
	of, err := q.types()
	if err != nil {
		return nil, err
	}
	text := p.next()
	if address := mac(text); address != nil {
		if q.protocol != "ether" && q.protocol != "link" {
			return nil, fmt.Errorf("an address of Ethernet is written ether host %s", text)
		}
		return p.link.station(q.direction, address)
	}
	if q.protocol == "ether" || q.protocol == "link" {
		return nil, fmt.Errorf("%q is no address of Ethernet", text)
	}
	nets, err := p.nets(q.kind, text)
	if err != nil {
		return nil, err
	}
	var either some
	for _, one := range nets {
		if n, ok := p.link.host(q.direction, one, of).(some); ok && len(n) > 0 {
			either = append(either, n)
		}
	}
	if len(either) == 0 {
		return nil, fmt.Errorf("%s has no address of %q", q.protocol, text)
	}
	return either, nil
}

// types are the types of Ethernet in which the address of a host may be.
func (q qualifiers) types() ([]uint32, error) {
	of, known := protocols[q.protocol]
	switch {
	case !known, q.protocol == "ether", q.protocol == "link":
		return []uint32{typeIP, typeARP, typeRARP, typeIP6}, nil
	case of.ether == 0:
		return nil, fmt.Errorf("%s has no hosts: %s and host NAME", q.protocol, q.protocol)
	}
	return []uint32{of.ether}, nil
}

// nets returns the addresses that a text stands for, with their masks.
func (p *parser) nets(kind, text string) ([]*net.IPNet, error) {
	ip, ones := partial(text)
	if kind == "host" && (ip == nil || ones < 8*len(ip)) {
		return p.hosts(text)
	}
	if ip == nil {
		return nil, fmt.Errorf("%q is no net: ADDRESS/BITS", text)
	}
	bits := 8 * len(ip)
	mask := net.CIDRMask(ones, bits)
	switch {
	case p.peek() == "/":
		p.next()
		n, err := strconv.Atoi(p.next())
		if err != nil || n < 0 || n > bits {
			return nil, fmt.Errorf("the net %s/%s is invalid", text, p.word(p.at-1))
		}
		mask = net.CIDRMask(n, bits)
	case p.peek() == "mask" && kind == "net" && bits == 32:
		p.next()
		word := p.next()
		four := net.ParseIP(word).To4()
		if four == nil {
			return nil, fmt.Errorf("the mask %q is invalid", word)
		}
		mask = net.IPMask(four)
	}
	if masked := ip.Mask(mask); !masked.Equal(ip) {
		return nil, fmt.Errorf("the address %s has bits beyond its mask", text)
	}
	return []*net.IPNet{{IP: ip, Mask: mask}}, nil
}

// partial parses an address, of which the last numbers may be missing: 10.1 is 10.1.0.0/16.
func partial(text string) (ip net.IP, ones int) {
	if whole := net.ParseIP(text); whole != nil {
		if four := whole.To4(); four != nil {
			return four, 32
		}
		return whole, 128
	}
	parts := strings.Split(text, ".")
	if len(parts) > 4 {
		return nil, 0
	}
	ip = make(net.IP, 4)
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return nil, 0
		}
		ip[i] = byte(n)
	}
	return ip, 8 * len(parts)
}

// hosts looks a name up.
func (p *parser) hosts(text string) (nets []*net.IPNet, err error) {
	if p.names.Host == nil {
		return nil, errors.New("names cannot be looked up")
	}
	list, err := p.names.Host(text)
	for _, ip := range list {
		if four := ip.To4(); four != nil {
			ip = four
		}
		nets = append(nets, &net.IPNet{IP: ip, Mask: net.CIDRMask(8*len(ip), 8*len(ip))})
	}
	return nets, err
}
