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
