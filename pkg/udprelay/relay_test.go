//go:build unix

// Wine has no sockets of UDP that Go can listen on.

package udprelay_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/leaktest"
	"github.com/nsjoin/docker-nsjoin/pkg/udprelay"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

func listen(t testing.TB, address string) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address)))
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// echo answers each packet with the port that it came from and the packet.
func echo(t *testing.T) *net.UDPConn {
	t.Helper()
	conn := listen(t, "127.0.0.1:0")
	go func() {
		b := make([]byte, 1<<16)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			_, _ = conn.WriteToUDPAddrPort([]byte(fmt.Sprintf("%d %s", from.Port(), b[:n])), from)
		}
	}()
	return conn
}

// relay serves a relay to an address until the test ends.
func relay(t *testing.T, r *udprelay.Relay, address string, to net.Addr) *net.UDPConn {
	t.Helper()
	if r.Dial == nil {
		r.Dial = func(ctx context.Context, _ netip.AddrPort) (net.Conn, func(int64, int64), error) {
			return dial(ctx, to, nil)
		}
	}
	listening := listen(t, address)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.Serve(ctx, listening) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return listening
}

// dial is what Relay.Dial returns for a target.
func dial(ctx context.Context, to net.Addr, ended func(sent, received int64)) (net.Conn, func(int64, int64), error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp", to.String())
	return conn, ended, err
}

func client(t *testing.T, to string) net.Conn {
	t.Helper()
	conn, err := net.Dial("udp", to)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// ask sends a packet and returns the port that it came from and the answer.
func ask(t *testing.T, conn net.Conn, packet string) (port int, answer string) {
	t.Helper()
	if _, err := conn.Write([]byte(packet)); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	b := make([]byte, 1<<16)
	n, err := conn.Read(b)
	if err != nil {
		t.Fatal(packet, err)
	}
	_, _ = fmt.Sscanf(string(b[:n]), "%d %s", &port, &answer)
	return port, answer
}

func TestEachPeerHasAConnection(t *testing.T) {
	var sent, received atomic.Int64
	server := echo(t)
	r := &udprelay.Relay{Dial: func(ctx context.Context, _ netip.AddrPort) (net.Conn, func(int64, int64), error) {
		return dial(ctx, server.LocalAddr(), func(s, r int64) { sent.Add(s); received.Add(r) })
	}}
	t.Cleanup(func() { // after the relay's end
		if sent.Load() != 30*6 || received.Load() <= sent.Load() {
			t.Error(sent.Load(), received.Load())
		}
	})
	l := relay(t, r, "127.0.0.1:0", nil)
	var group sync.WaitGroup
	for i := range 10 {
		conn := client(t, l.LocalAddr().String())
		group.Go(func() {
			first := 0
			for j := range 3 {
				port, got := ask(t, conn, fmt.Sprintf("hello%d", i))
				if j == 0 {
					first = port
				}
				if port != first || got != fmt.Sprintf("hello%d", i) {
					t.Error(port, first, got)
				}
			}
		})
	}
	group.Wait()
}

func TestAnswersComeFromTheAddressThatWasAsked(t *testing.T) {
	server := echo(t)
	for listen, asked := range map[string][]string{
		"0.0.0.0:0": {"127.0.0.1", "127.0.0.5"},
		"[::]:0":    {"127.0.0.1", "127.0.0.5", "::1"},
	} {
		l := relay(t, &udprelay.Relay{}, listen, server.LocalAddr())
		for _, a := range asked {
			conn := client(t, net.JoinHostPort(a, fmt.Sprint(l.LocalAddr().(*net.UDPAddr).Port)))
			if _, got := ask(t, conn, "x"); got != "x" {
				t.Error(listen, a, got)
			}
		}
	}
}

func TestIdlePeersAreForgotten(t *testing.T) {
	ended := make(chan netip.AddrPort, 10)
	server := echo(t)
	r := &udprelay.Relay{Idle: 50 * time.Millisecond}
	r.Dial = func(ctx context.Context, p netip.AddrPort) (net.Conn, func(int64, int64), error) {
		return dial(ctx, server.LocalAddr(), func(int64, int64) { ended <- p })
	}
	l := relay(t, r, "127.0.0.1:0", nil)
	conn := client(t, l.LocalAddr().String())
	first, _ := ask(t, conn, "x")
	if p := <-ended; p.Port() != uint16(conn.LocalAddr().(*net.UDPAddr).Port) {
		t.Error(p)
	}
	if second, _ := ask(t, conn, "x"); second == first {
		t.Error("the same connection")
	}
}

func TestPeersAreBounded(t *testing.T) {
	var open atomic.Int64
	server := echo(t)
	r := &udprelay.Relay{Peers: 4}
	r.Dial = func(ctx context.Context, _ netip.AddrPort) (net.Conn, func(int64, int64), error) {
		open.Add(1)
		return dial(ctx, server.LocalAddr(), func(int64, int64) { open.Add(-1) })
	}
	l := relay(t, r, "127.0.0.1:0", nil)
	for range 100 {
		ask(t, client(t, l.LocalAddr().String()), "x")
		for deadline := time.Now().Add(time.Minute); open.Load() > 4; time.Sleep(time.Millisecond) { // one may be about to end
			if time.Now().After(deadline) {
				t.Fatal(open.Load(), "connections at the same time")
			}
		}
	}
}

// Packets wait while their peer is connected. Whoever is not admitted has no connection.
func TestAdmittedPeersWait(t *testing.T) {
	var dialed atomic.Int64
	server := echo(t)
	r := &udprelay.Relay{Dial: func(ctx context.Context, _ netip.AddrPort) (net.Conn, func(int64, int64), error) {
		dialed.Add(1)
		time.Sleep(50 * time.Millisecond)
		return dial(ctx, server.LocalAddr(), nil)
	}}
	refused := client(t, server.LocalAddr().String()).LocalAddr().(*net.UDPAddr).AddrPort() // only for its port
	var bad atomic.Pointer[netip.AddrPort]
	bad.Store(&refused)
	r.Admit = func(_, p netip.AddrPort) bool { return p != *bad.Load() }
	l := relay(t, r, "127.0.0.1:0", nil)
	conn := client(t, l.LocalAddr().String())
	for range 5 {
		_, _ = conn.Write([]byte("early"))
	}
	for range 5 {
		if _, err := conn.Read(make([]byte, 20)); err != nil {
			t.Fatal(err)
		}
	}
	other := client(t, l.LocalAddr().String())
	own := other.LocalAddr().(*net.UDPAddr).AddrPort()
	bad.Store(&own)
	_, _ = other.Write([]byte("x"))
	_ = other.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := other.Read(make([]byte, 1)); err == nil || dialed.Load() != 1 {
		t.Error(n, err, dialed.Load())
	}
}

// A port that nobody listens on is reported, and works when somebody does.
func TestRefusalsAreReported(t *testing.T) {
	closed := listen(t, "127.0.0.1:0")
	_ = closed.Close()
	reports := make(chan error, 10)
	r := &udprelay.Relay{Report: func(_ netip.AddrPort, err error) { reports <- err }}
	l := relay(t, r, "127.0.0.1:0", closed.LocalAddr())
	conn := client(t, l.LocalAddr().String())
	for reported := false; !reported; {
		_, _ = conn.Write([]byte("x"))
		select {
		case err := <-reports:
			if reported = true; !errors.Is(err, syscall.ECONNREFUSED) {
				t.Error(err)
			}
		case <-time.After(time.Second): // the kernel sends a limited number of ICMP messages a second
		}
	}
	for range 3 {
		_, _ = conn.Write([]byte("x"))
		time.Sleep(5 * time.Millisecond)
	}
	again := listen(t, closed.LocalAddr().String())
	_, _ = conn.Write([]byte("now"))
	b := make([]byte, 10)
	_ = again.SetReadDeadline(time.Now().Add(time.Minute))
	n, err := again.Read(b)
	for err == nil && string(b[:n]) == "x" { // one of those before, which was passed on late
		n, err = again.Read(b)
	}
	if string(b[:n]) != "now" || err != nil {
		t.Error(string(b[:n]), err)
	}
	if len(reports) != 0 {
		t.Error("reported again")
	}
}

// A connection that is no socket of this machine, and takes nothing, does not hold up the others.
func TestSlowConnection(t *testing.T) {
	here, there := net.Pipe()
	server := echo(t)
	first, taken := true, make(chan struct{})
	var mu sync.Mutex
	r := &udprelay.Relay{Dial: func(ctx context.Context, _ netip.AddrPort) (net.Conn, func(int64, int64), error) {
		mu.Lock()
		defer mu.Unlock()
		if first {
			first = false
			close(taken)
			return here, nil, nil
		}
		return dial(ctx, server.LocalAddr(), nil)
	}}
	l := relay(t, r, "127.0.0.1:0", nil)
	slow := client(t, l.LocalAddr().String())
	for range 200 {
		_, _ = slow.Write([]byte("x"))
	}
	<-taken
	if _, got := ask(t, client(t, l.LocalAddr().String()), "y"); got != "y" {
		t.Error(got)
	}
	_, _ = there.Write([]byte("1 z"))
	_ = slow.SetReadDeadline(time.Now().Add(time.Minute))
	b := make([]byte, 5)
	if n, err := slow.Read(b); string(b[:n]) != "1 z" || err != nil {
		t.Error(string(b[:n]), err)
	}
}
