package listen_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/listen"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing/lingertest"
)

// In a directory of another user, that user may replace the socket before it gets its mode.
func TestModeOfTheSocketAlone(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	for name, replace := range map[string]func() error{
		"a link": func() error { return os.Symlink(secret, path) },
		"a file": func() error { return os.Link(secret, path) },
		"none":   func() error { return nil },
	} {
		if err := replace(); err != nil {
			t.Fatal(err)
		}
		if _, err := listen.Permit(path, 0o666); err == nil {
			t.Errorf("%s: no error", name)
		}
		if info, err := os.Stat(secret); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
		_ = os.Remove(path)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := listen.Permit(path, 0o666); err != nil || info.Mode() != os.ModeSocket|0o666 {
		t.Errorf("%v, %v", info, err)
	}
}

// A client whose user the kernel has forgotten is refused, which is said if something that it has sent is lost: not for
// those that only look whether the port is open.
func TestClosedClients(t *testing.T) {
	s := on(t, spec.Listen{Network: spec.TCP, Address: "127.0.0.1"})
	users := &listen.Users{Allowed: listen.Caller(), Of: func(net.Conn) (uint32, bool, error) { return 0, false, nil }}
	for _, row := range []struct {
		text  string
		first bool
	}{{"", false}, {"text", true}, {"text", false}} {
		conn, err := net.Dial("tcp", s.Addresses()[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(row.text)); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		accepted, err := s.Listeners[0].Accept()
		if err != nil {
			t.Fatal(err)
		}
		refused, ok := errors.AsType[*listen.RefusedError](users.Check(accepted))
		if !ok || refused.First != row.first || refused.UID != 0 || refused.Unknown == nil {
			t.Errorf("%q: %+v", row.text, refused)
		}
		accepted.Close()
	}
}

// A socket on which a program listens stays, also while its queue is full.
func TestBusySocketStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 0), os.Chmod(path, 0o600)); err != nil {
		t.Fatal(err)
	}
	for {
		waiting, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(waiting)
		if unix.Connect(waiting, &unix.SockaddrUnix{Name: path}) != nil {
			break
		}
	}
	if err := listen.RemoveStale(path); !listen.IsInUse(err) {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

// Root is no user of another one's forwards: a container with the host's network has that uid too.
func TestCallers(t *testing.T) {
	for _, row := range []struct {
		own  int
		sudo string
		want []uint32
	}{
		{1000, "", []uint32{1000}},
		{1000, "0", []uint32{1000}}, // anybody can set the variable
		{0, "", []uint32{0}},
		{0, "1000", []uint32{0, 1000}},
		{0, "x", []uint32{0}},
	} {
		if got := listen.Callers(row.own, row.sudo); !slices.Equal(got, row.want) {
			t.Errorf("%+v: %d", row, got)
		}
	}
}

// A refused client passes a descriptor whose close(2) waits, and another one is never accepted. Before Linux 6.16, whose
// setting the test undoes, resetting and closing would wait for them.
func TestRefusedClientsThatPassDescriptors(t *testing.T) {
	s := on(t, spec.Listen{Network: spec.Unix, Path: "@" + filepath.Base(t.TempDir()) + "-nsjoin-test"})
	allow := func(socket syscall.Conn) {
		raw, err := socket.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		const soPassRights = 83
		_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, soPassRights, 1) })
	}
	listener := s.Listeners[0]
	allow(listener.(syscall.Conn))
	for range 2 {
		conn, err := net.Dial("unix", s.Addresses()[0])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		raw, err := conn.(*net.UnixConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		_ = raw.Control(func(fd uintptr) { lingertest.Send(t, int(fd), "text") })
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		listen.Reset(accepted)
		s.Close()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("it waits for what the clients have passed")
	}
}

// The owner of the directory puts a link where it was: nothing is removed where that leads.
func TestMovedDirectory(t *testing.T) {
	top := t.TempDir()
	at := func(name string) string { return filepath.Join(top, name) }
	if err := errors.Join(os.Mkdir(at("theirs"), 0o755), os.Mkdir(at("elsewhere"), 0o755), os.WriteFile(at("elsewhere/s"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	s := on(t, spec.Listen{Network: spec.Unix, Path: at("theirs/s")})
	if err := errors.Join(os.Rename(at("theirs"), at("moved")), os.Symlink("elsewhere", at("theirs"))); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := os.Lstat(at("elsewhere/s")); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(at("moved/s")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket: %v", err)
	}
}
