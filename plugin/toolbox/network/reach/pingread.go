package reach

import (
	"encoding/binary"
	"fmt"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func (p *ping) read(buf []byte, v4 bool) (n, ttl int, from net.Addr, err error) {
	if v4 {
		n, control, from, err := p.conn.IPv4PacketConn().ReadFrom(buf)
		if control != nil {
			ttl = control.TTL
		}
		return n, ttl, from, err
	}
	n, control, from, err := p.conn.IPv6PacketConn().ReadFrom(buf)
	if control != nil {
		ttl = control.HopLimit
	}
	return n, ttl, from, err
}

func putTime(b []byte, t time.Time) {
	n := uint64(t.UnixNano())
	for i := range 8 {
		b[i] = byte(n >> (8 * i))
	}
}

func getTime(b []byte) time.Time {
	n := uint64(0)
	for i := range 8 {
		n |= uint64(b[i]) << (8 * i)
	}
	return time.Unix(0, int64(n))
}

// socket returns the connection's socket.
func (p *ping) socket() (syscall.RawConn, error) {
	var conn net.PacketConn
	if v4 := p.conn.IPv4PacketConn(); v4 != nil {
		conn = v4.PacketConn
	} else {
		conn = p.conn.IPv6PacketConn().PacketConn
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("%T has no socket", conn)
	}
	return socket.SyscallConn()
}

// hearFailures makes the kernel keep what routers and hosts answer instead of an echo, see IP_RECVERR in ip(7).
func (p *ping) hearFailures() {
	raw, err := p.socket()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		if p.ip.To4() != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_RECVERR, 1)
		} else {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_IPV6, unix.IPV6_RECVERR, 1)
		}
	})
}

// failures passes on the errors that the socket has.
func (p *ping) failures(replies chan<- reply) {
	raw, err := p.socket()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		for {
			packet, control := make([]byte, 1500), make([]byte, 512)
			n, size, _, _, err := unix.Recvmsg(int(fd), packet, control, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
			if err != nil {
				return
			}
			if r, ok := p.failure(packet[:n], control[:size]); ok {
				select {
				case replies <- r:
				default: // nobody waits for so many
				}
			}
		}
	})
}

// failure reads an error: packet is the request, from the header of ICMP on.
func (p *ping) failure(packet, control []byte) (r reply, ok bool) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil || len(packet) < 8 || p.raw && binary.BigEndian.Uint16(packet[4:]) != uint16(p.id) {
		return r, false
	}
	for _, m := range messages {
		four := m.Header.Level == unix.SOL_IP && m.Header.Type == unix.IP_RECVERR
		six := m.Header.Level == unix.SOL_IPV6 && m.Header.Type == unix.IPV6_RECVERR
		if !four && !six || len(m.Data) < 24 {
			continue
		}
		from, text := failureText(m.Data)
		if text == "" {
			return r, false
		}
		return reply{seq: int(binary.BigEndian.Uint16(packet[6:])), from: from, failure: text}, true
	}
	return r, false
}

// failureText reads a sock_extended_err with the address that follows it: who answers, and what.
func failureText(data []byte) (from, text string) {
	const originLocal, originICMP, originICMP6 = 1, 2, 3
	kind, code, more, address := data[5], data[6], binary.NativeEndian.Uint32(data[8:]), data[16:]
	switch {
	case data[4] == originICMP && len(address) >= 8:
		return net.IP(address[4:8]).String(), failure4(kind, code, more)
	case data[4] == originICMP6 && len(address) >= 24:
		return net.IP(address[8:24]).String(), failure6(kind, code, more)
	case data[4] == originLocal && syscall.Errno(binary.NativeEndian.Uint32(data)) == unix.EMSGSIZE:
		return "this host", fmt.Sprintf("message too long, mtu=%d", more)
	}
	return "", ""
}

func failure4(kind, code byte, more uint32) string {
	switch kind {
	case 3:
		text := map[byte]string{
			0: "Destination Net Unreachable", 1: "Destination Host Unreachable", 2: "Destination Protocol Unreachable", 3: "Destination Port Unreachable",
			4: fmt.Sprintf("Frag needed and DF set (mtu = %d)", more), 5: "Source Route Failed", 6: "Destination Net Unknown", 7: "Destination Host Unknown",
			9: "Destination Net Prohibited", 10: "Destination Host Prohibited", 13: "Packet filtered",
		}[code]
		if text == "" {
			text = fmt.Sprintf("Dest Unreachable, Bad Code: %d", code)
		}
		return text
	case 11:
		return map[byte]string{0: "Time to live exceeded", 1: "Frag reassembly time exceeded"}[code&1]
	case 12:
		return "Parameter problem"
	}
	return fmt.Sprintf("Bad ICMP type: %d", kind)
}

func failure6(kind, code byte, more uint32) string {
	switch kind {
	case 1:
		return "Destination unreachable: " + map[byte]string{0: "No route", 1: "Administratively prohibited", 2: "Beyond scope of source address", 3: "Address unreachable", 4: "Port unreachable"}[min(code, 4)]
	case 2:
		return fmt.Sprintf("Packet too big: mtu=%d", more)
	case 3:
		return "Time exceeded: Hop limit"
	case 4:
		return "Parameter problem"
	}
	return fmt.Sprintf("Bad ICMP type: %d", kind)
}
