//go:build unix

// Wine has no sockets of UDP that Go can listen on.

package udprelay_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/udprelay"
)

// ends counts how often the end of each connection of a relay was told.
type ends struct {
	mu   sync.Mutex
	told []int // by connection
}

func (e *ends) dial(to net.Addr) func(context.Context, netip.AddrPort) (net.Conn, func(int64, int64), error) {
	return func(ctx context.Context, _ netip.AddrPort) (net.Conn, func(int64, int64), error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		i := len(e.told)
		e.told = append(e.told, 0)
		return dial(ctx, to, func(int64, int64) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.told[i]++
		})
	}
}

// Several peers may have the same address at the same time: one socket sends to two addresses, or a peer that was
// forgotten comes back before its connection is closed. Each connection has an end of its own.
func TestEachConnectionEndsOnce(t *testing.T) {
	const rounds = 50
	for name, row := range map[string]struct {
		listen      string
		peers       int
		senders     int // which take turns
		asked       []string
		connections int
	}{
		"two addresses":       {"0.0.0.0:0", 0, 1, []string{"127.0.0.1", "127.0.0.2"}, 2},
		"alternating senders": {"127.0.0.1:0", 1, 2, []string{"127.0.0.1"}, 2 * rounds},
	} {
		t.Run(name, func(t *testing.T) {
			var e ends
			listening := listen(t, row.listen)
			r := &udprelay.Relay{Dial: e.dial(echo(t).LocalAddr()), Peers: row.peers}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- r.Serve(ctx, listening) }()
			var to []netip.AddrPort
			for _, asked := range row.asked {
				to = append(to, netip.AddrPortFrom(netip.MustParseAddr(asked), listening.LocalAddr().(*net.UDPAddr).AddrPort().Port()))
			}
			takeTurns(t, rounds, row.senders, to)
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if len(e.told) != row.connections || slices.ContainsFunc(e.told, func(n int) bool { return n != 1 }) {
				t.Errorf("%d connections, want %d; they have ended %d times", len(e.told), row.connections, e.told)
			}
		})
	}
}

// takeTurns lets some senders ask all addresses, one after the other.
func takeTurns(t *testing.T, rounds, senders int, to []netip.AddrPort) {
	t.Helper()
	var all []*net.UDPConn
	for range senders {
		all = append(all, listen(t, "127.0.0.1:0"))
	}
	for range rounds {
		for _, sender := range all {
			for _, asked := range to {
				askOf(t, sender, asked)
			}
		}
	}
}

// askOf sends a byte to an address and waits for the answer, which comes from there.
func askOf(t *testing.T, conn *net.UDPConn, to netip.AddrPort) {
	t.Helper()
	if _, err := conn.WriteToUDPAddrPort([]byte("x"), to); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	if _, from, err := conn.ReadFromUDPAddrPort(make([]byte, 100)); err != nil || from != to {
		t.Fatal(from, err)
	}
}

// Many peers at the same time, for whom there are few places, do not keep others from being served later.
func TestPeersWithoutAPlace(t *testing.T) {
	const most = 3
	places := make(chan struct{}, most)
	server := echo(t)
	r := &udprelay.Relay{Dial: func(ctx context.Context, _ netip.AddrPort) (net.Conn, func(int64, int64), error) {
		select {
		case places <- struct{}{}:
			return dial(ctx, server.LocalAddr(), func(int64, int64) { <-places })
		default:
			return nil, nil, udprelay.ErrFull
		}
	}}
	l := relay(t, r, "127.0.0.1:0", nil)
	to := l.LocalAddr().String()
	var group sync.WaitGroup
	for range 10 * most {
		conn := client(t, to)
		group.Go(func() {
			for range 5 {
				_, _ = conn.Write([]byte("x"))
			}
		})
	}
	group.Wait()
	for range 5 * most { // one by one, each is served
		askUntil(t, client(t, to))
	}
}

// askUntil asks until there is an answer: packets are lost while many others are served.
func askUntil(t *testing.T, conn net.Conn) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		_, _ = conn.Write([]byte("y"))
		_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := conn.Read(make([]byte, 100)); err == nil {
			return
		}
	}
	t.Fatal("no answer")
}

// A relay of two sockets answers each sender from the socket that it has sent to, and ends when one of them fails.
func TestTwoSockets(t *testing.T) {
	first, second := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	var e ends
	r := &udprelay.Relay{Dial: e.dial(echo(t).LocalAddr())}
	done := make(chan error)
	go func() { done <- r.Serve(t.Context(), first, second) }()
	sender := listen(t, "127.0.0.1:0")
	for range 3 {
		for _, socket := range []*net.UDPConn{first, second} {
			askOf(t, sender, socket.LocalAddr().(*net.UDPAddr).AddrPort())
		}
	}
	second.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) || !slices.Equal(e.told, []int{1, 1}) {
		t.Error(err, e.told)
	}
}
