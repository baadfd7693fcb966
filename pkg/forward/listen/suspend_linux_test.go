package listen_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/listen"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
)

// While a set is suspended, its clients are refused, and no other program gets its port, as another user's may try it.
func TestSuspendedPortStaysTaken(t *testing.T) {
	s := on(t, spec.Listen{Network: spec.TCP, Address: "127.0.0.1"})
	address := netip.MustParseAddrPort(s.Addresses()[0])
	for range 3 {
		exchange(t, s, "tcp", address.String())
		s.Suspend()
		if conn, err := net.Dial("tcp", address.String()); !errors.Is(err, unix.ECONNREFUSED) {
			t.Fatal(conn, err)
		}
		for _, ip := range [][4]byte{{127, 0, 0, 1}, {}} {
			for _, reuse := range []int{0, unix.SO_REUSEADDR, unix.SO_REUSEPORT} {
				if err := takes(t, &unix.SockaddrInet4{Addr: ip, Port: int(address.Port())}, reuse); !errors.Is(err, unix.EADDRINUSE) {
					t.Errorf("%v, option %d: %v", ip, reuse, err)
				}
			}
		}
		if !s.Resume(t.Context()) {
			t.Fatal("it does not listen again")
		}
	}
	exchange(t, s, "tcp", address.String())
}

// A client that connects while a set is being suspended is reset: its connection would keep the port.
func TestConnectionOfTheLastMoment(t *testing.T) {
	s := on(t, spec.Listen{Network: spec.TCP, Address: "127.0.0.1"})
	listen.Withhold(s.Listeners[0])
	conn, err := net.Dial("tcp", s.Addresses()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := s.Listeners[0].Accept()
	if !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if err == nil {
		defer accepted.Close()
	} else if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		t.Error(n, err)
	}
	s.Suspend()
	if !s.Resume(t.Context()) {
		t.Fatal("it does not listen again")
	}
	exchange(t, s, "tcp", s.Addresses()[0])
}

// takes tries to listen on an address, with an option.
func takes(t *testing.T, at unix.Sockaddr, option int) error {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if option != 0 {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1)
	}
	if err := unix.Bind(fd, at); err != nil {
		return err
	}
	return unix.Listen(fd, 1)
}

func TestSuspendedSocketStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := on(t, spec.Listen{Network: spec.Unix, Path: path})
	for range 3 {
		exchange(t, s, "unix", path)
		s.Suspend()
		if conn, err := net.Dial("unix", path); !errors.Is(err, unix.ECONNREFUSED) {
			t.Fatal(conn, err)
		}
		if !s.Resume(t.Context()) {
			t.Fatal("it does not listen again")
		}
	}
	s.Suspend()
	s.Close()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// exchange has a client connect, and ends the connection here first: it is in TIME_WAIT then.
func exchange(t *testing.T, s *listen.Set, network, address string) {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := s.Listeners[0].Accept()
	if err != nil {
		t.Fatal(err)
	}
	accepted.Close()
	if n, err := io.Copy(io.Discard, conn); n != 0 || err != nil {
		t.Error(n, err)
	}
}
