package listen_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/listen"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
)

func on(t *testing.T, l spec.Listen, addresses ...string) *listen.Set {
	t.Helper()
	s, err := listen.On(t.Context(), l, addresses, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestBothLoopbackAddressesHaveOnePort(t *testing.T) {
	networks := []spec.Network{spec.TCP}
	if runtime.GOOS != "windows" { // Wine has no sockets of UDP that Go can listen on
		networks = append(networks, spec.UDP)
	}
	for _, network := range networks {
		s := on(t, spec.Listen{Network: network})
		if s.Port == 0 || s.Open || len(s.Addresses()) == 0 || !strings.HasPrefix(s.Addresses()[0], "127.0.0.1:") {
			t.Errorf("%s: port %d, %q", network, s.Port, s.Addresses())
		}
		for _, address := range s.Addresses() {
			_, port, _ := net.SplitHostPort(address)
			if first := strings.TrimPrefix(s.Addresses()[0], "127.0.0.1:"); port != first {
				t.Errorf("%s: ports %s and %s", network, first, port)
			}
		}
	}
}

func TestAddresses(t *testing.T) {
	s := on(t, spec.Listen{Network: spec.TCP}, "127.0.0.2", "127.0.0.3", "127.0.0.2")
	if got := s.Addresses(); len(got) != 2 || !strings.HasPrefix(got[1], "127.0.0.3:") {
		t.Errorf("%q", got)
	}
	// That of the SPEC has precedence.
	if got := on(t, spec.Listen{Network: spec.TCP, Address: "127.0.0.4"}, "127.0.0.2").Addresses(); len(got) != 1 || !strings.HasPrefix(got[0], "127.0.0.4:") {
		t.Errorf("%q", got)
	}
	if s := on(t, spec.Listen{Network: spec.TCP, Address: "0.0.0.0"}); !s.Open {
		t.Error("0.0.0.0 is not open")
	}
	if _, err := listen.On(t.Context(), spec.Listen{Network: spec.TCP, Address: "192.0.2.1"}, nil, false); err == nil {
		t.Error("an address of another machine")
	}
	_, err := listen.On(t.Context(), spec.Listen{Network: spec.TCP, Port: s.Port}, []string{"127.0.0.2"}, false)
	if err == nil || !strings.Contains(err.Error(), "listen on 127.0.0.2:") || strings.Count(err.Error(), "127.0.0.2") != 1 {
		t.Errorf("%v", err)
	}
}

// acceptor accepts as many connections as there are.
func acceptor(most int, use func(net.Conn), note func(error)) *listen.Acceptor {
	return &listen.Acceptor{
		Most:  most,
		Enter: func(context.Context) (func(), bool) { return func() {}, true },
		Use:   func(conn net.Conn, leave func()) { use(conn); leave() },
		Note:  note,
	}
}

func TestAccept(t *testing.T) {
	s := on(t, spec.Listen{Network: spec.TCP})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Accept(t.Context(), acceptor(10, listen.Reset, func(err error) { t.Errorf("%v", err) }))
	}()
	for _, address := range s.Addresses() {
		conn, err := net.Dial("tcp", address)
		if errors.Is(err, syscall.ECONNRESET) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); runtime.GOOS == "linux" && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a connection that was reset: %v", err)
		}
		conn.Close()
	}
	s.Close()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("Accept goes on after Close")
	}
}

// failing accepts a connection after some errors.
type failing struct {
	net.Listener
	errs  []error
	given chan net.Conn
}

func (f *failing) Accept() (net.Conn, error) {
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", err)}
	}
	conn, ok := <-f.given
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func TestAcceptGoesOnWithTooManyFiles(t *testing.T) {
	f := &failing{errs: []error{syscall.EMFILE, syscall.EMFILE, syscall.EMFILE}, given: make(chan net.Conn, 1)}
	a, b := net.Pipe()
	f.given <- a
	close(f.given)
	s := &listen.Set{Listeners: []net.Listener{f}}
	var noted []error
	served := make(chan struct{})
	s.Accept(t.Context(), acceptor(1, func(c net.Conn) { c.Close(); close(served) }, func(err error) { noted = append(noted, err) }))
	<-served
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
	if len(noted) != 1 || !errors.Is(noted[0], syscall.EMFILE) {
		t.Errorf("noted %q", noted)
	}
}

func TestUsers(t *testing.T) {
	s := on(t, spec.Listen{Network: spec.TCP, Address: "127.0.0.1"})
	conn, err := net.Dial("tcp", s.Addresses()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := s.Listeners[0].Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	failed := errors.New("no netlink")
	answer := func(uid uint32, known bool, err error) func(net.Conn) (uint32, bool, error) {
		return func(net.Conn) (uint32, bool, error) { return uid, known, err }
	}
	for name, row := range map[string]struct {
		users   *listen.Users
		refused bool
	}{
		"its own":   {&listen.Users{Allowed: []uint32{0, 1000}, Of: answer(1000, true, nil)}, false},
		"another's": {&listen.Users{Allowed: []uint32{0, 1000}, Of: answer(1001, true, nil)}, true},
		"unknown":   {&listen.Users{Allowed: []uint32{0}, Of: answer(0, false, nil)}, runtime.GOOS == "linux"},
		"a failure": {&listen.Users{Allowed: []uint32{0}, Of: answer(0, false, failed)}, true},
		"anybody's": {&listen.Users{Any: true, Of: answer(1, true, nil)}, false},
	} {
		for first := range 2 {
			err := row.users.Check(accepted)
			refused, ok := errors.AsType[*listen.RefusedError](err)
			if ok != row.refused || ok && refused.First != (first == 0 && name != "unknown") {
				t.Errorf("%s: %#v", name, err)
			}
		}
	}
}

func TestReverseListens(t *testing.T) {
	var asked []string
	s, err := listen.With(t.Context(), spec.Listen{Network: spec.TCP}, nil, func(ctx context.Context, network, address string) (net.Listener, error) {
		asked = append(asked, network+" "+address)
		var config net.ListenConfig
		return config.Listen(ctx, network, address)
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if asked[0] != "tcp4 127.0.0.1:0" || len(asked) > 1 && !strings.HasPrefix(asked[1], "tcp6 [::1]:") {
		t.Errorf("%q", asked)
	}
}

// What a container lacks is left out on every system: its errors have numbers of Linux.
func TestFamilyThatTheContainerLacks(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT} {
		s, err := listen.With(t.Context(), spec.Listen{Network: spec.TCP}, nil, func(ctx context.Context, network, address string) (net.Listener, error) {
			if network == "tcp6" {
				return nil, os.NewSyscallError("bind", errno)
			}
			var config net.ListenConfig
			return config.Listen(ctx, network, address)
		})
		if err != nil {
			t.Errorf("%v: %v", errno, err)
			continue
		}
		s.Close()
	}
}

// The text is the kernel's reason alone; a hint of the helper's stays.
func TestErrorOfTheContainer(t *testing.T) {
	_, err := listen.With(t.Context(), spec.Listen{Network: spec.Unix, Path: "/s"}, nil, func(context.Context, string, string) (net.Listener, error) {
		return nil, exit.Hint(fmt.Errorf("bind /s in web: %w", syscall.EADDRINUSE), "look there")
	})
	known, ok := errors.AsType[*exit.Error](err)
	if !ok || known.Hint != "look there" || err.Error() != "listen on /s: "+syscall.EADDRINUSE.Error() || !listen.IsInUse(err) {
		t.Errorf("%v, %+v", err, known)
	}
}
