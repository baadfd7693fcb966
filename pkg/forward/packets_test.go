//go:build unix

// Wine has no sockets of UDP that Go can listen on.

package forward_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward"
)

// serveUDP makes a server that answers as an echo on a UDP address in the container.
func (n *network) serveUDP(t *testing.T, address string) {
	t.Helper()
	conn := packetSocket(t)
	go func() {
		b := make([]byte, 1<<16)
		for {
			size, from, err := conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			_, _ = conn.WriteToUDPAddrPort(b[:size], from)
		}
	}()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ports["udp "+address] = conn.LocalAddr().String()
}

func packetSocket(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// asks sends a packet to an address and waits for the answer, which comes from there.
func asks(t *testing.T, conn *net.UDPConn, to netip.AddrPort) {
	t.Helper()
	if _, err := conn.WriteToUDPAddrPort([]byte("x"), to); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(within))
	b := make([]byte, 10)
	if size, from, err := conn.ReadFromUDPAddrPort(b); err != nil || from != to || string(b[:size]) != "x" {
		t.Fatalf("%q from %s: %v", b[:size], from, err)
	}
}

// One socket that sends to two addresses of a forward has two connections, each with its end.
func TestOneSenderToTwoAddresses(t *testing.T) {
	c, n := start(t, forward.Options{}, "0.0.0.0:0:53/udp"), newNetwork()
	n.serveUDP(t, "127.0.0.1:53")
	c.source.next <- n
	port := netip.MustParseAddrPort(c.wait(forward.Ready).Listen[0]).Port()
	sender := packetSocket(t)
	for _, asked := range []string{"127.0.0.1", "127.0.0.2"} {
		asks(t, sender, netip.AddrPortFrom(netip.MustParseAddr(asked), port))
	}
	if s := c.session.Status(); s[0].Open != 2 || s[0].Total != 2 {
		t.Errorf("%+v", s)
	}
	close(n.gone)
	for range 2 {
		if e := c.wait(forward.Connection); e.Peer != sender.LocalAddr().String() || e.Sent != 1 || e.Received != 1 || e.Seconds > within.Seconds() {
			t.Errorf("%+v", e)
		}
	}
	if s := c.session.Status(); s[0].Open != 0 {
		t.Errorf("%+v", s)
	}
}

// A forward that has no place for another sender forgets the one that was silent for longest, whichever of its sockets that
// one sends to, and says so once.
func TestTheOldestSenderIsForgotten(t *testing.T) {
	c, n := start(t, forward.Options{Addresses: []string{"127.0.0.1", "127.0.0.2"}}, "0:53/udp"), newNetwork()
	const places = 8
	n.most = 2 * places // half of them for questions
	n.serveUDP(t, "127.0.0.1:53")
	c.source.next <- n
	var to []netip.AddrPort
	for _, at := range c.wait(forward.Ready).Listen {
		to = append(to, netip.MustParseAddrPort(at))
	}
	var senders []*net.UDPConn
	for range 3 * places {
		senders = append(senders, packetSocket(t))
	}
	senders = append(senders, senders[0]) // comes back
	for i, sender := range senders {
		asks(t, sender, to[i/places%2])
		if s := c.session.Status(); s[0].Open != int64(min(i+1, places)) {
			t.Errorf("%d senders: %+v", i+1, s)
		}
	}
	c.cancel(errCancelled)
	_ = c.end()
	close(c.events)
	var said []string
	var forgotten []string
	for e := range c.events {
		switch e.Event {
		case forward.Limited:
			said = append(said, e.Error)
		case forward.Connection:
			forgotten = append(forgotten, e.Peer)
		}
	}
	const want = "the oldest senders are forgotten for new ones, and packets may be lost: 8 are open, the share of this forward in the 16 through the engine"
	if len(said) != 1 || said[0] != want {
		t.Errorf("%q", said)
	}
	for i, peer := range forgotten[:len(senders)-places] {
		if at := senders[i].LocalAddr().String(); peer != at {
			t.Errorf("%s is forgotten in place of %s", peer, at)
		}
	}
}
