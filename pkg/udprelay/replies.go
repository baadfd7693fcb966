package udprelay

import (
	"net"
	"net/netip"
	"runtime"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// replies receives packets on the listening socket, and sends answers from the address that was asked.
type replies struct {
	conn  *net.UDPConn
	local netip.AddrPort
	any   bool // the socket listens on all addresses, and the kernel says which one a packet was sent to
}

func newReplies(conn *net.UDPConn) (*replies, error) {
	r := &replies{conn: conn, local: conn.LocalAddr().(*net.UDPAddr).AddrPort()}
	// Windows has no messages for this in package ipv4.
	if !r.local.Addr().IsUnspecified() || runtime.GOOS == "windows" {
		return r, nil
	}
	r.any = true
	four := ipv4.NewPacketConn(conn).SetControlMessage(ipv4.FlagDst, true)
	if r.local.Addr().Is4() {
		return r, four
	}
	// A socket of version 6 may receive packets of version 4, too.
	return r, ipv6.NewPacketConn(conn).SetControlMessage(ipv6.FlagDst, true)
}

// receive receives a packet, and says who has sent it to which address.
func (r *replies) receive(buffer []byte) (n int, k key, err error) {
	k.on = r
	if !r.any {
		n, k.remote, err = r.conn.ReadFromUDPAddrPort(buffer)
		k.remote = netip.AddrPortFrom(k.remote.Addr().Unmap(), k.remote.Port())
		k.local = r.local
		return n, k, err
	}
	const room = 128
	var control [room]byte
	n, used, _, remote, err := r.conn.ReadMsgUDPAddrPort(buffer, control[:])
	k.remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	k.local = netip.AddrPortFrom(destination(control[:used]), r.local.Port())
	return n, k, err
}

// destination returns the address in a control message. It is not valid if there is none.
func destination(control []byte) netip.Addr {
	var four ipv4.ControlMessage
	if four.Parse(control) == nil && four.Dst != nil {
		a, _ := netip.AddrFromSlice(four.Dst)
		return a.Unmap()
	}
	var six ipv6.ControlMessage
	if six.Parse(control) == nil && six.Dst != nil {
		a, _ := netip.AddrFromSlice(six.Dst)
		return a.Unmap()
	}
	return netip.Addr{}
}

// send sends an answer.
func (r *replies) send(k key, packet []byte) error {
	var control []byte
	if r.any && k.local.Addr().Is4() { // also on a socket of version 6
		control = (&ipv4.ControlMessage{Src: k.local.Addr().AsSlice()}).Marshal()
	} else if r.any && k.local.Addr().IsValid() {
		control = (&ipv6.ControlMessage{Src: k.local.Addr().AsSlice()}).Marshal()
	}
	if control == nil {
		_, err := r.conn.WriteToUDPAddrPort(packet, k.remote)
		return err
	}
	_, _, err := r.conn.WriteMsgUDPAddrPort(packet, control, k.remote)
	return err
}
