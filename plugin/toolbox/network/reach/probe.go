package reach

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// probe is a packet of traceroute with a limited number of hops, and the socket that its answer comes to.
type probe struct {
	*traceroute
	fd     int
	events int16
	raw    bool
	seq    int
	sent   time.Time
}

// send sends a probe.
func (t *traceroute) send(ttl int) (*probe, error) {
	t.sent++
	p := &probe{traceroute: t, events: unix.POLLIN, seq: t.sent, sent: time.Now()}
	if err := p.open(); err != nil {
		return nil, err
	}
	err := errors.Join(p.set(unix.IP_TTL, unix.IPV6_UNICAST_HOPS, ttl), p.set(unix.IP_RECVERR, unix.IPV6_RECVERR, 1))
	if err == nil {
		err = p.write()
	}
	// A router's answer to an earlier probe, or one of this machine's, is in the queue.
	if err != nil && !errors.Is(err, unix.EINPROGRESS) && !errors.Is(err, unix.EHOSTUNREACH) && !errors.Is(err, unix.ECONNREFUSED) {
		unix.Close(p.fd)
		return nil, err
	}
	return p, nil
}

func (p *probe) four() bool { return p.ip.To4() != nil }

func (p *probe) open() (err error) {
	family, protocol := unix.AF_INET6, unix.IPPROTO_ICMPV6
	if p.four() {
		family, protocol = unix.AF_INET, unix.IPPROTO_ICMP
	}
	const flags = unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
	switch p.method {
	case 'T':
		p.events = unix.POLLOUT
		p.fd, err = unix.Socket(family, unix.SOCK_STREAM|flags, 0)
	case 'I':
		if p.fd, err = unix.Socket(family, unix.SOCK_DGRAM|flags, protocol); err != nil {
			p.raw = true
			if p.fd, err = unix.Socket(family, unix.SOCK_RAW|flags, protocol); err != nil {
				return fmt.Errorf("neither an ICMP socket (net.ipv4.ping_group_range) nor a raw one (CAP_NET_RAW) can be had: %w", err)
			}
		}
	default:
		p.fd, err = unix.Socket(family, unix.SOCK_DGRAM|flags, 0)
	}
	return err
}

func (p *probe) set(four, six, value int) error {
	if p.four() {
		return unix.SetsockoptInt(p.fd, unix.SOL_IP, four, value)
	}
	return unix.SetsockoptInt(p.fd, unix.SOL_IPV6, six, value)
}

// target returns the target's address. That of a link has its interface too, without which the kernel has no route.
func (t *traceroute) target(port int) (unix.Sockaddr, error) {
	if four := t.ip.To4(); four != nil {
		return &unix.SockaddrInet4{Port: port, Addr: [4]byte(four)}, nil
	}
	to := &unix.SockaddrInet6{Port: port, Addr: [16]byte(t.ip)}
	if t.zone == "" {
		return to, nil
	}
	if number, err := strconv.ParseUint(t.zone, 10, 32); err == nil {
		to.ZoneId = uint32(number)
		return to, nil
	}
	device, err := net.InterfaceByName(t.zone)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", tool.Printable(t.zone), err)
	}
	to.ZoneId = uint32(device.Index)
	return to, nil
}

func (p *probe) write() error {
	port := p.port
	if p.method == 'U' {
		port += p.seq - 1
	}
	if p.method == 'I' {
		port = 0
	}
	to, err := p.target(port)
	if err != nil {
		return err
	}
	data := make([]byte, p.size-28) // without the headers of IP and UDP, or ICMP
	switch p.method {
	case 'T':
		return unix.Connect(p.fd, to)
	case 'I':
		data = append(p.echo(), data...)
	}
	return unix.Sendto(p.fd, data, 0, to)
}

// echo is the header of an echo request. The kernel computes the checksum of IPv6, and of a socket for ICMP.
func (p *probe) echo() []byte {
	header := make([]byte, 8)
	header[0] = 8
	if !p.four() {
		header[0] = 128
	}
	binary.BigEndian.PutUint16(header[4:], uint16(os.Getpid()))
	binary.BigEndian.PutUint16(header[6:], uint16(p.seq))
	sum := 0
	for i := 0; i < len(header); i += 2 {
		sum += int(binary.BigEndian.Uint16(header[i:]))
	}
	binary.BigEndian.PutUint16(header[2:], ^uint16(sum+sum>>16)) // the data is zeros
	return header
}

// receive returns the answer that a socket has, or none.
func (p *probe) receive(events int16) answer {
	took := time.Since(p.sent)
	if a, ok := p.fromQueue(); ok {
		a.took = took
		return a
	}
	if p.method == 'T' {
		status, err := unix.GetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && (status == 0 && events&unix.POLLOUT != 0 || unix.Errno(status) == unix.ECONNREFUSED) {
			return answer{from: p.ip, took: took, end: true}
		}
		return answer{}
	}
	buf := make([]byte, 65536)
	n, _, err := unix.Recvfrom(p.fd, buf, 0)
	if err != nil || p.method == 'I' && !p.isReply(buf[:n]) {
		return answer{}
	}
	return answer{from: p.ip, took: took, end: true}
}

// isReply reports whether a packet is the reply to this request: a raw socket gets all.
func (p *probe) isReply(packet []byte) bool {
	if p.raw && p.four() && len(packet) > 20 {
		packet = packet[min(len(packet), int(packet[0]&0xf)*4):]
	}
	if len(packet) < 8 || packet[0] != 0 && packet[0] != 129 || int(binary.BigEndian.Uint16(packet[6:])) != p.seq&0xffff {
		return false
	}
	return !p.raw || binary.BigEndian.Uint16(packet[4:]) == uint16(os.Getpid())
}

// fromQueue returns the ICMP error that a socket got, with who sent it.
func (p *probe) fromQueue() (answer, bool) {
	buf, control := make([]byte, 1500), make([]byte, 512)
	_, n, _, _, err := unix.Recvmsg(p.fd, buf, control, unix.MSG_ERRQUEUE)
	if err != nil {
		return answer{}, false
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil {
		return answer{}, false
	}
	for _, m := range messages {
		if (m.Header.Level == unix.SOL_IP && m.Header.Type == unix.IP_RECVERR || m.Header.Level == unix.SOL_IPV6 && m.Header.Type == unix.IPV6_RECVERR) && len(m.Data) >= 32 {
			return errorOf(m.Data, p.ip)
		}
	}
	return answer{}, false
}

// errorOf reads a sock_extended_err with the address that follows it.
func errorOf(data []byte, target net.IP) (answer, bool) {
	const originLocal, originICMP, originICMP6 = 1, 2, 3
	origin, kind, code, from := data[4], data[5], data[6], data[16:]
	switch {
	case origin == originICMP:
		a := answer{from: net.IP(from[4:8])}
		if kind == 3 { // unreachable; the port is the target's
			a.end = true
			a.note = map[byte]string{0: " !N", 1: " !H", 2: " !P", 3: "", 4: " !F", 9: " !X", 10: " !X", 13: " !X"}[code]
		}
		return a, true
	case origin == originICMP6 && len(from) >= 24:
		a := answer{from: net.IP(from[8:24])}
		if kind == 1 {
			a.end = true
			a.note = map[byte]string{0: " !N", 1: " !X", 3: " !H", 4: ""}[code]
		}
		return a, true
	case origin == originLocal: // this machine has no way
		return answer{from: target, end: true, note: " !H"}, true
	}
	return answer{}, false
}
