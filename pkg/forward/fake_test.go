package forward_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/client"
)

// network is a container's network. Its ports are on this machine.
type network struct {
	mu     sync.Mutex
	ports  map[string]string // addresses in the container, and where they are on this machine
	inside []net.Listener    // listeners in the container, on other addresses here
	gone   chan struct{}
	closed bool
	why    error // of Err

	failing error // of Dial
	most    int   // of Most

	inPlace client.Network // if the container has this process's network
}

// names are those of the container.
var names = sockets.Names{Hosts: []byte("10.0.0.7 db\n10.0.0.8 db\n")}

func newNetwork() *network { return &network{ports: map[string]string{}, gone: make(chan struct{})} }

func (n *network) Dial(ctx context.Context, kind, address string) (net.Conn, error) {
	n.mu.Lock()
	at, ok := n.ports[kind+" "+address]
	failing := n.failing
	n.mu.Unlock()
	if failing != nil {
		return nil, failing
	}
	if !ok {
		return nil, &net.OpError{Op: "dial", Net: kind, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, kind, at)
}

// fail lets connections fail from now on.
func (n *network) fail(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failing = err
}

func (n *network) Listen(ctx context.Context, kind, address string) (net.Listener, error) {
	var config net.ListenConfig
	if n.inPlace == nil {
		address = "127.0.0.1:0"
	}
	l, err := config.Listen(ctx, kind, address)
	if err == nil {
		n.mu.Lock()
		n.inside = append(n.inside, l)
		n.mu.Unlock()
	}
	return l, err
}

func (n *network) Listening(context.Context) ([]sockets.Listening, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []sockets.Listening
	for address := range n.ports {
		kind, text, _ := cut(address)
		if at, err := netip.ParseAddrPort(text); err == nil {
			list = append(list, sockets.Listening{Network: kind, Address: at})
		}
	}
	return list, nil
}

func (n *network) Programs(ctx context.Context) ([]sockets.Listening, error) { return n.Listening(ctx) }

func cut(address string) (kind, text string, ok bool) {
	for i := range address {
		if address[i] == ' ' {
			return address[:i], address[i+1:], true
		}
	}
	return "", address, false
}

func (n *network) Names(context.Context) (sockets.Names, error) { return names, nil }
func (n *network) Most() int                                    { return n.most }
func (n *network) Gone() <-chan struct{}                        { return n.gone }
func (n *network) Err() error                                   { return n.why }

func (n *network) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for _, l := range n.inside {
		l.Close()
	}
	return nil
}

// serve makes a server that answers as an echo on an address in the container.
func (n *network) serve(t *testing.T, address string) (stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	n.mu.Lock()
	n.ports["tcp "+address] = l.Addr().String()
	n.mu.Unlock()
	stop = func() {
		n.mu.Lock()
		delete(n.ports, "tcp "+address)
		n.mu.Unlock()
		l.Close()
	}
	t.Cleanup(stop)
	return stop
}

// source gives one network after the other.
type source struct {
	next chan *network // closed for a removed container
}

func (s *source) Open(ctx context.Context) (forward.Found, error) {
	select {
	case n, ok := <-s.next:
		if !ok {
			return forward.Found{}, forward.ErrRemoved
		}
		if n.inPlace != nil {
			return forward.Found{ID: "id", Network: n.inPlace}, nil
		}
		return forward.Found{ID: "id", Network: n}, nil
	case <-ctx.Done():
		return forward.Found{}, ctx.Err()
	}
}

// call is a call of docker nsjoin forward.
type call struct {
	t       *testing.T
	session *forward.Session
	source  *source
	events  chan forward.Event
	started chan struct{}
	ended   chan error
	cancel  context.CancelCauseFunc
}

var errCancelled = errors.New("cancelled")

func start(t *testing.T, o forward.Options, words ...string) *call {
	t.Helper()
	const most = 1000
	c := &call{t: t, source: &source{make(chan *network, 1)}, events: make(chan forward.Event, most), started: make(chan struct{}), ended: make(chan error, 1)}
	var forwards []spec.Forward
	for _, word := range words {
		parse := spec.Parse
		if len(word) > 2 && word[:2] == "-R" {
			parse, word = spec.ParseReverse, word[2:]
		}
		f, err := parse(word)
		if err != nil {
			t.Fatal(err)
		}
		forwards = append(forwards, f)
	}
	o.Report = func(e forward.Event) { c.events <- e }
	session, err := forward.New([]forward.Container{{Name: "web", Source: c.source, Forwards: forwards}}, o)
	if err != nil {
		t.Fatal(err)
	}
	c.session = session
	ctx, cancel := context.WithCancelCause(t.Context())
	c.cancel = cancel
	go func() {
		c.ended <- session.Run(ctx, func() error { close(c.started); return nil })
	}()
	t.Cleanup(func() { cancel(errCancelled) })
	return c
}

const within = time.Minute

// wait returns the next event of a kind.
func (c *call) wait(kind forward.Kind) forward.Event {
	c.t.Helper()
	timeout := time.After(within)
	for {
		select {
		case e := <-c.events:
			if e.Event == kind {
				return e
			}
		case err := <-c.ended:
			c.t.Fatalf("ended while waiting for %s: %v", kind, err)
		case <-timeout:
			c.t.Fatalf("no event %s", kind)
		}
	}
}

// end returns why the call ended.
func (c *call) end() error {
	c.t.Helper()
	select {
	case err := <-c.ended:
		return err
	case <-time.After(within):
		c.t.Fatal("it does not end")
		return nil
	}
}

// echoes checks that a connection to an address is echoed.
func echoes(t *testing.T, address string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	got, err := io.ReadAll(conn)
	if err != nil || string(got) != "hello" {
		t.Fatalf("%s: %q, %v", address, got, err)
	}
}

// isClosed waits until nothing listens on an address.
func isClosed(t *testing.T, address string) {
	t.Helper()
	for range 3000 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		conn.Close()
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s still listens", address)
}

// isReset checks that a connection to an address is reset, which the client may notice while it still connects.
func isReset(t *testing.T, address string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err == nil {
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1))
	}
	const wsaReset = syscall.Errno(10054) // of Windows
	if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, wsaReset) {
		t.Errorf("%s: %v", address, err)
	}
}
