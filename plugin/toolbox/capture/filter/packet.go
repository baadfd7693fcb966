package filter

import (
	"encoding/binary"
	"errors"
	"net"

	"golang.org/x/net/bpf"
)

// Link is where the parts of a packet are, which depends on the kind of the link.
type Link struct {
	// Type is the offset of the type of the payload, or -1 if there is none: the payload is IP.
	Type int
	// Payload is the offset of the payload.
	Payload uint32
	// Ethernet says that there are addresses of Ethernet.
	Ethernet bool
}

// kind is the condition that the payload is of a type of Ethernet.
func (l Link) kind(of uint32) node {
	if l.Type >= 0 {
		return equal(uint32(l.Type), 2, 0xffff, of)
	}
	version, ok := map[uint32]uint32{typeIP: 0x40, typeIP6: 0x60}[of]
	if !ok {
		return never{truth{}}
	}
	return equal(l.Payload, 1, 0xf0, version)
}

// is is the condition for a protocol alone, such as tcp.
func (l Link) is(p protocol) node {
	if p.ether != 0 {
		return l.kind(p.ether)
	}
	var either some
	if p.six {
		either = append(either, l.six(p.number))
	}
	if p.four {
		either = append(either, l.four(p.number))
	}
	return either
}

func (l Link) four(number int) node {
	return all{l.kind(typeIP), equal(l.Payload+9, 1, 0xff, uint32(number))}
}

// six looks behind a header of a fragment too, as libpcap does.
func (l Link) six(number int) node {
	const fragment = 44
	return all{l.kind(typeIP6), some{
		equal(l.Payload+6, 1, 0xff, uint32(number)),
		all{equal(l.Payload+6, 1, 0xff, fragment), equal(l.Payload+40, 1, 0xff, uint32(number))},
	}}
}

// whole is the condition that a packet of IPv4 is not a later part of another one, which has no header of TCP.
func (l Link) whole() node { return equal(l.Payload+6, 2, 0x1fff, 0) }

// sides joins the conditions for the source and for the destination.
func sides(direction string, source, destination node) node {
	switch direction {
	case "src":
		return source
	case "dst":
		return destination
	case "and":
		return all{source, destination}
	}
	return some{source, destination}
}

// host is the condition for an address of IP, or all of a net. of are the types of Ethernet in which it may be.
func (l Link) host(direction string, n *net.IPNet, of []uint32) node {
	var either some
	four := n.IP.To4()
	for _, one := range of {
		source, destination, size := uint32(12), uint32(16), 4
		switch {
		case (four == nil) != (one == typeIP6), l.Type < 0 && one != typeIP && one != typeIP6:
			continue
		case one == typeIP6:
			source, destination, size = 8, 24, 16
		case one != typeIP:
			source, destination = 14, 24
		}
		ip := n.IP[len(n.IP)-size:]
		mask := n.Mask[len(n.Mask)-size:]
		either = append(either, all{l.kind(one), sides(direction, l.words(source, ip, mask), l.words(destination, ip, mask))})
	}
	return either
}

// words compares words of 32 bits. Those without a bit in the mask are left out.
func (l Link) words(at uint32, ip net.IP, mask net.IPMask) node {
	var list all
	for i := 0; i < len(ip); i += 4 {
		bits := binary.BigEndian.Uint32(mask[i:])
		if bits != 0 {
			list = append(list, equal(l.Payload+at+uint32(i), 4, bits, binary.BigEndian.Uint32(ip[i:])&bits))
		}
	}
	if len(list) == 0 {
		return truth{}
	}
	return list
}

// station is the condition for an address of Ethernet.
func (l Link) station(direction string, address net.HardwareAddr) (node, error) {
	if !l.Ethernet {
		return nil, errNoEthernet
	}
	at := func(off uint32) node {
		return all{equal(off+2, 4, 0xffffffff, binary.BigEndian.Uint32(address[2:])), equal(off, 2, 0xffff, uint32(binary.BigEndian.Uint16(address)))}
	}
	return sides(direction, at(6), at(0)), nil
}

var errNoEthernet = errors.New("the packets have no header of Ethernet")

// ports is the condition for a range of ports.
func (l Link) ports(direction string, of []protocol, low, high uint16) node {
	var numbers4, numbers6 some
	for _, p := range of {
		numbers4 = append(numbers4, equal(l.Payload+9, 1, 0xff, uint32(p.number)))
		numbers6 = append(numbers6, equal(l.Payload+6, 1, 0xff, uint32(p.number)))
	}
	between := func(load ...bpf.Instruction) node {
		if low == high {
			return test{load: load, value: uint32(low)}
		}
		return all{test{load, bpf.JumpGreaterOrEqual, uint32(low)}, test{load, bpf.JumpLessOrEqual, uint32(high)}}
	}
	behind4 := func(off uint32) node {
		return between(bpf.LoadMemShift{Off: l.Payload}, bpf.LoadIndirect{Off: l.Payload + off, Size: 2})
	}
	behind6 := func(off uint32) node { return between(bpf.LoadAbsolute{Off: l.Payload + 40 + off, Size: 2}) }
	return some{
		all{l.kind(typeIP6), numbers6, sides(direction, behind6(0), behind6(2))},
		all{l.kind(typeIP), numbers4, l.whole(), sides(direction, behind4(0), behind4(2))},
	}
}
