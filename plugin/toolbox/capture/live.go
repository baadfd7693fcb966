package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/capture/filter"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// room is what is left free in front of a packet: for the header of LINUX_SLL2, or for a tag of a VLAN.
const room = 20

// live reads packets from an interface, see packet(7).
type live struct {
	fd      int
	kind    linkType
	index   int // of the interface; 0 is all
	data    []byte
	control []byte
	stop    *os.File // it can be read when the user wants to stop
	// only are the directions of packets that are wanted.
	in, out bool
}

// openLive opens a socket that gets no packets yet. device is the name of an interface, or "any".
func openLive(device string) (*live, error) {
	l := &live{kind: linkCooked2, in: true, out: true, control: make([]byte, 256)}
	socket := unix.SOCK_DGRAM
	if device != "any" {
		found, err := netlink.LinkByName(device)
		if err != nil {
			return nil, fmt.Errorf("%s: there is no such device", tool.Printable(device))
		}
		l.index = found.Attrs().Index
		switch found.Attrs().EncapType {
		case "ether", "loopback":
			l.kind, socket = linkEthernet, unix.SOCK_RAW
		case "none":
			l.kind, socket = linkRaw, unix.SOCK_RAW
		}
	}
	fd, err := unix.Socket(unix.AF_PACKET, socket|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("%s: you don't have permission to capture on that device (CAP_NET_RAW)", tool.Printable(device))
	} else if err != nil {
		return nil, err
	}
	l.fd, l.data = fd, make([]byte, room+longest)
	return l, nil
}

// start lets packets come. It returns what chooses among them, or nil if the kernel does, before the packets are cut and
// get back the tags of VLANs.
func (l *live) start(program filter.Program, promiscuous bool) (choice *filter.Matcher, err error) {
	ok := true
	if l.kind == linkCooked2 { // the kernel has not got its header
		program, ok = program.Behind(links[l.kind].filter)
	}
	if ok {
		err = l.attach(program)
	} else {
		choice, err = filter.NewMatcher(program)
	}
	if err != nil {
		return nil, err
	}
	_ = unix.SetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	_ = unix.SetsockoptInt(l.fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1)
	_ = unix.SetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20)
	if promiscuous && l.index != 0 {
		_ = unix.SetsockoptPacketMreq(l.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &unix.PacketMreq{Ifindex: int32(l.index), Type: unix.PACKET_MR_PROMISC})
	}
	stop, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	l.stop = stop
	signals := make(chan os.Signal, 1)
	tool.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() { <-signals; write.Close() }()
	all := binary.NativeEndian.Uint16([]byte{unix.ETH_P_ALL >> 8, unix.ETH_P_ALL & 0xff})
	return choice, unix.Bind(l.fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: l.index})
}

// attach gives the filter to the kernel.
func (l *live) attach(program filter.Program) error {
	raw, err := bpf.Assemble(program)
	if err != nil {
		return err
	}
	list := make([]unix.SockFilter, len(raw))
	for i, one := range raw {
		list[i] = unix.SockFilter{Code: one.Op, Jt: one.Jt, Jf: one.Jf, K: one.K}
	}
	return unix.SetsockoptSockFprog(l.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(list)), Filter: &list[0]})
}

func (l *live) link() linkType { return l.kind }

func (l *live) read() (Packet, error) {
	for {
		polled := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}, {Fd: int32(l.stop.Fd()), Events: unix.POLLIN}}
		if _, err := unix.Poll(polled, -1); errors.Is(err, unix.EINTR) {
			continue
		} else if err != nil {
			return Packet{}, err
		}
		if polled[1].Revents != 0 {
			return Packet{}, io.EOF
		}
		n, controls, _, from, err := unix.Recvmsg(l.fd, l.data[room:], l.control, unix.MSG_TRUNC|unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
			continue
		} else if err != nil {
			return Packet{}, err
		}
		address, ok := from.(*unix.SockaddrLinklayer)
		if !ok || !l.wanted(address) {
			continue
		}
		at, tag := details(l.control[:controls])
		head := 0
		switch {
		case l.kind == linkCooked2:
			head = links[l.kind].header
			cook(l.data[room-head:], address)
		case l.kind == linkEthernet && tag != nil && n >= links[l.kind].header:
			head = len(tag)
			const addresses = 12
			copy(l.data[room-head:], l.data[room:room+addresses])
			copy(l.data[room-head+addresses:], tag)
		}
		return Packet{At: at, Data: l.data[room-head : min(len(l.data), room+n)], Length: head + n}, nil
	}
}

// wanted reports whether a packet is wanted. On the loopback, each comes twice: as it is sent, and as it is received.
func (l *live) wanted(from *unix.SockaddrLinklayer) bool {
	sent := from.Pkttype == unix.PACKET_OUTGOING
	if sent {
		return l.out && from.Hatype != unix.ARPHRD_LOOPBACK
	}
	return l.in || from.Hatype == unix.ARPHRD_LOOPBACK
}

// cook writes the header of LINUX_SLL2.
func cook(data []byte, from *unix.SockaddrLinklayer) {
	binary.NativeEndian.PutUint16(data, from.Protocol)
	binary.BigEndian.PutUint16(data[2:], 0)
	binary.BigEndian.PutUint32(data[4:], uint32(from.Ifindex))
	binary.BigEndian.PutUint16(data[8:], from.Hatype)
	data[10], data[11] = from.Pkttype, from.Halen
	copy(data[12:20], from.Addr[:])
}

// details returns the time at which the kernel got a packet, and the tag of a VLAN that it has taken out.
func details(control []byte) (at time.Time, tag []byte) {
	at = time.Now()
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return at, nil
	}
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) == 16:
			at = time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		case m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) == 8:
			at = time.Unix(int64(binary.NativeEndian.Uint32(m.Data)), int64(binary.NativeEndian.Uint32(m.Data[4:])))
		case m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA:
			tag = tagOf(m.Data)
		}
	}
	return at, tag
}

// tagOf returns the tag of a VLAN in a struct tpacket_auxdata.
func tagOf(data []byte) []byte {
	var aux unix.TpacketAuxdata
	if _, err := binary.Decode(data, binary.NativeEndian, &aux); err != nil || aux.Status&unix.TP_STATUS_VLAN_VALID == 0 {
		return nil
	}
	kind := aux.Vlan_tpid
	if aux.Status&unix.TP_STATUS_VLAN_TPID_VALID == 0 {
		kind = unix.ETH_P_8021Q
	}
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, kind), aux.Vlan_tci)
}

// statistics returns how many packets the kernel has passed on, and how many it had no room for.
func (l *live) statistics() (received, dropped uint32) {
	s, err := unix.GetsockoptTpacketStats(l.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0, 0
	}
	return s.Packets, s.Drops
}

// device returns the interface to listen on: the one that was named, or else the first that is up, the loopback last.
func device(name string) (string, error) {
	if name != "" {
		return name, nil
	}
	list, err := netlink.LinkList()
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return "", err
	}
	loopback := ""
	for _, one := range list {
		a := one.Attrs()
		switch {
		case a.RawFlags&unix.IFF_UP == 0:
		case a.RawFlags&unix.IFF_LOOPBACK == 0:
			return a.Name, nil
		case loopback == "":
			loopback = a.Name
		}
	}
	if loopback == "" {
		return "", errors.New("no interface is up")
	}
	return loopback, nil
}

// listDevices prints the interfaces, as -D does.
func listDevices() error {
	list, err := netlink.LinkList()
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return err
	}
	for i, one := range list {
		a := one.Attrs()
		text := ""
		for _, flag := range []struct {
			bit  uint32
			name string
		}{{unix.IFF_UP, "Up"}, {unix.IFF_RUNNING, "Running"}, {unix.IFF_LOOPBACK, "Loopback"}} {
			if a.RawFlags&flag.bit != 0 {
				text += ", " + flag.name
			}
		}
		if text == "" {
			text = ", none"
		}
		tool.Printf("%d.%s [%s]\n", i+1, tool.Printable(a.Name), text[2:])
	}
	tool.Printf("%d.any (Pseudo-device that captures on all interfaces) [Up, Running]\n", len(list)+1)
	return nil
}
