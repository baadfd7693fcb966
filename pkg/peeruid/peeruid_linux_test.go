package peeruid_test

import (
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/leaktest"
	"github.com/nsjoin/docker-nsjoin/pkg/peeruid"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// as runs f on a thread whose sockets belong to a user.
func as(t *testing.T, uid int, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_, _ = unix.SetfsuidRetUid(uid)
	defer func() { _, _ = unix.SetfsuidRetUid(0) }()
	f()
}

// client makes a socket of a user's, bound to a port that may be 0, and connects it.
func client(t *testing.T, uid, family, kind, port int, to unix.Sockaddr) (fd int) {
	t.Helper()
	as(t, uid, func() {
		var err error
		if fd, err = unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0); err != nil {
			t.Fatal(err)
		}
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		if port != 0 {
			if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
				_ = unix.Close(fd)
				t.Skip(err) // another process has the port
			}
		}
		if to == nil {
			return
		}
		if err := unix.Connect(fd, to); err != nil {
			t.Fatal(err)
		}
	})
	return fd
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func accept(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

func loopback4(port int) unix.Sockaddr {
	return &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
}

func expect(t *testing.T, conn net.Conn, want uint32, wantKnown bool) {
	t.Helper()
	uid, known, err := peeruid.Of(conn)
	if uid != want || known != wantKnown || err != nil {
		t.Errorf("%d, %v, %v instead of %d, %v", uid, known, err, want, wantKnown)
	}
}

func TestUserOfAConnection(t *testing.T) {
	for _, row := range []struct {
		name, listen string
		family       int
		to           func(port int) unix.Sockaddr
	}{
		{"version 4", "127.0.0.1:0", unix.AF_INET, loopback4},
		{"version 6", "[::1]:0", unix.AF_INET6, func(p int) unix.Sockaddr { return &unix.SockaddrInet6{Port: p, Addr: [16]byte{15: 1}} }},
		{"a listener of both", "[::]:0", unix.AF_INET, loopback4},
		{"a client of both", "127.0.0.1:0", unix.AF_INET6, func(p int) unix.Sockaddr {
			return &unix.SockaddrInet6{Port: p, Addr: [16]byte{10: 0xff, 11: 0xff, 12: 127, 15: 1}}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := listen(t, "tcp", row.listen)
			for _, uid := range []int{0, 1000, 4_000_000_000} {
				fd := client(t, uid, row.family, unix.SOCK_STREAM, 0, row.to(port(l)))
				conn := accept(t, l)
				expect(t, conn, uint32(uid), true)
				_ = unix.Shutdown(fd, unix.SHUT_WR)
				expect(t, conn, uint32(uid), true)
				_ = unix.Close(fd)
				if got, known, err := peeruid.Of(conn); known && got != uint32(uid) || err != nil { // it may be forgotten already
					t.Errorf("closed: %d, %v, %v", got, known, err)
				}
			}
		})
	}
}

func TestUserOfAUNIXSocket(t *testing.T) {
	l := listen(t, "unix", filepath.Join(t.TempDir(), "s"))
	conn, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	expect(t, accept(t, l), uint32(os.Geteuid()), true)
}

// A client that has gone is nobody: not root, whose number the kernel reports, and not the next user of its port.
func TestClosedClientIsNobody(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	fd := client(t, 1000, unix.AF_INET, unix.SOCK_STREAM, 0, loopback4(port(l)))
	own, _ := unix.Getsockname(fd)
	reused := own.(*unix.SockaddrInet4).Port
	_, _ = unix.Write(fd, []byte("evil"))
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	_ = unix.Close(fd)
	victim := client(t, 2000, unix.AF_INET, unix.SOCK_STREAM, reused, loopback4(port(l)))
	defer func() { _ = unix.Close(victim) }()
	expect(t, accept(t, l), 0, false)
	expect(t, accept(t, l), 2000, true)

	fd = client(t, 1000, unix.AF_INET, unix.SOCK_STREAM, 0, loopback4(port(l)))
	_ = unix.Close(fd)
	conn := accept(t, l)
	time.Sleep(10 * time.Millisecond)
	if uid, known, err := peeruid.Of(conn); known && uid != 1000 || err != nil {
		t.Error(uid, known, err)
	}
}

// A connection from elsewhere has no socket here, though the listener is at the same port.
func TestListenerIsNoClient(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	to := netip.MustParseAddrPort("127.0.0.1:1")
	if uid, known, err := peeruid.OfPacket(to, l.Addr().(*net.TCPAddr).AddrPort()); known || err != nil {
		t.Error(uid, known, err)
	}
}

func TestUserOfAPacket(t *testing.T) {
	server, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	local := server.LocalAddr().(*net.UDPAddr).AddrPort()
	ask := func(fd int) (uint32, bool) {
		t.Helper()
		if err := unix.Sendto(fd, []byte("x"), 0, loopback4(int(local.Port()))); err != nil {
			t.Fatal(err)
		}
		_, from, err := server.ReadFromUDPAddrPort(make([]byte, 1))
		if err != nil {
			t.Fatal(err)
		}
		uid, known, err := peeruid.OfPacket(local, from)
		if err != nil {
			t.Error(err)
		}
		return uid, known
	}
	unbound := client(t, 1000, unix.AF_INET, unix.SOCK_DGRAM, 0, nil)
	if uid, known := ask(unbound); uid != 1000 || !known {
		t.Error(uid, known)
	}
	connected := client(t, 1001, unix.AF_INET, unix.SOCK_DGRAM, 0, loopback4(int(local.Port())))
	if uid, known := ask(connected); uid != 1001 || !known {
		t.Error(uid, known)
	}
	own, _ := unix.Getsockname(connected)
	shared := own.(*unix.SockaddrInet4).Port
	again := client(t, 1001, unix.AF_INET, unix.SOCK_DGRAM, shared, nil)
	if uid, known := ask(again); uid != 1001 || !known {
		t.Error(uid, known)
	}
	other := client(t, 1002, unix.AF_INET, unix.SOCK_DGRAM, shared, nil)
	if uid, known := ask(other); known {
		t.Error("a shared port has one user", uid)
	}
	for _, fd := range []int{unbound, connected, again, other} {
		_ = unix.Close(fd)
	}
	if _, known, _ := peeruid.OfPacket(local, netip.AddrPortFrom(local.Addr(), uint16(shared))); known {
		t.Error("a closed socket has a user")
	}
}

// A client that closes its connection before it is accepted is known, if the listener holds its end back, and has its
// end afterwards.
func TestClosedClientIsHeld(t *testing.T) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error { return peeruid.Hold(raw) }}
	config.SetMultipathTCP(false)
	for _, network := range []string{"tcp4", "tcp6"} {
		address := map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0"}[network]
		l, err := config.Listen(t.Context(), network, address)
		if err != nil {
			t.Skip(err)
		}
		defer func() { _ = l.Close() }()
		for _, uid := range []int{0, 1000} {
			var fd int
			if network == "tcp4" {
				fd = client(t, uid, unix.AF_INET, unix.SOCK_STREAM, 0, loopback4(port(l)))
			} else {
				fd = client(t, uid, unix.AF_INET6, unix.SOCK_STREAM, 0, &unix.SockaddrInet6{Port: port(l), Addr: [16]byte{15: 1}})
			}
			_, _ = unix.Write(fd, []byte("text"))
			_ = unix.Close(fd)
			conn := accept(t, l)
			if peeruid.NamesOrphans() {
				expect(t, conn, uint32(uid), true)
			} else {
				expect(t, conn, 0, false)
			}
			_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
			if got, err := io.ReadAll(conn); string(got) != "text" || err != nil {
				t.Errorf("%s: %q, %v", network, got, err)
			}
		}
	}
}

// An Asker keeps a few sockets, whatever number of goroutines ask at once, and none when it is closed.
func TestAsker(t *testing.T) {
	sockets := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	l := listen(t, "tcp", "127.0.0.1:0")
	fd := client(t, 1000, unix.AF_INET, unix.SOCK_STREAM, 0, loopback4(port(l)))
	defer func() { _ = unix.Close(fd) }()
	conn := accept(t, l)
	before := sockets()
	var a peeruid.Asker
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range 20 {
				if uid, known, err := a.Of(conn); uid != 1000 || !known || err != nil {
					t.Error(uid, known, err)
				}
			}
		})
	}
	all.Wait()
	if now := sockets(); now <= before || now > before+4 {
		t.Errorf("%d descriptors, then %d", before, now)
	}
	a.Close()
	if now := sockets(); now != before {
		t.Errorf("%d descriptors, then %d", before, now)
	}
	if uid, known, err := a.Of(conn); uid != 1000 || !known || err != nil {
		t.Error("closed:", uid, known, err)
	}
	if now := sockets(); now != before {
		t.Errorf("closed: %d descriptors, then %d", before, now)
	}
}
