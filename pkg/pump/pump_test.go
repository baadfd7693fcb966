package pump_test

import (
	"cmp"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/leaktest"
	"github.com/nsjoin/docker-nsjoin/pkg/pump"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// half is a connection that can end one direction.
type half interface {
	net.Conn
	CloseWrite() error
}

// hidden hides what a connection is, so that goroutines copy it.
type hidden struct{ half }

func (h hidden) SetLinger(sec int) error {
	if c, ok := h.half.(*net.TCPConn); ok {
		return c.SetLinger(sec)
	}
	return nil
}

// pairs makes connected pairs of sockets. A kind that the system does not have is nil.
type pairs struct{ tcp, unix net.Listener }

func newPairs(t *testing.T) pairs {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tcp.Close() })
	if runtime.GOOS == "windows" { // Wine has no UNIX sockets
		return pairs{tcp: tcp}
	}
	unix, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close() })
	return pairs{tcp, unix}
}

// connect returns both ends of a connection. Only one call at a time may use a listener.
func connect(t *testing.T, l net.Listener) (outside, inside half) {
	t.Helper()
	one, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	two, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return one.(half), two.(half)
}

func newPump(t *testing.T) *pump.Pump {
	t.Helper()
	p := pump.New()
	p.Report = func(err error) { t.Log("reported:", err) }
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// joined is a pair of connections that a pump copies.
type joined struct {
	left, right    half
	sent, received int64
	err            error
	done           chan struct{}
}

func join(t *testing.T, p *pump.Pump, left, right net.Listener, hide bool) *joined {
	t.Helper()
	j := &joined{done: make(chan struct{})}
	var a, b half
	j.left, a = connect(t, left)
	j.right, b = connect(t, right)
	if hide {
		b = hidden{b}
	}
	p.Join(a, b, func(sent, received int64, err error) {
		j.sent, j.received, j.err = sent, received, err
		close(j.done)
	})
	return j
}

// each runs a test with all kinds of sockets, copied by a loop and by goroutines.
func each(t *testing.T, test func(t *testing.T, tcp bool, newJoined func(p *pump.Pump) *joined)) {
	l := newPairs(t)
	for _, row := range []struct {
		name        string
		left, right net.Listener
		hide        bool
	}{
		{"tcp", l.tcp, l.tcp, false},
		{"unix", l.unix, l.unix, false},
		{"tcp to unix", l.tcp, l.unix, false},
		{"tcp by goroutines", l.tcp, l.tcp, true},
		{"unix by goroutines", l.unix, l.unix, true},
	} {
		if row.left == nil || row.right == nil {
			continue // the system has no such sockets
		}
		t.Run(row.name, func(t *testing.T) {
			test(t, row.right == l.tcp, func(p *pump.Pump) *joined { return join(t, p, row.left, row.right, row.hide) })
		})
	}
}

func TestHalfClosedConnectionsWork(t *testing.T) {
	each(t, func(t *testing.T, _ bool, newJoined func(*pump.Pump) *joined) {
		j := newJoined(newPump(t))
		write(t, j.left, "question")
		_ = j.left.CloseWrite()
		if got, err := io.ReadAll(j.right); string(got) != "question" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		write(t, j.right, "answer")
		write(t, j.right, "s")
		_ = j.right.Close()
		if got, err := io.ReadAll(j.left); string(got) != "answers" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		_ = j.left.Close()
		<-j.done
		if j.sent != 8 || j.received != 7 || j.err != nil {
			t.Error(j.sent, j.received, j.err)
		}
	})
}

func TestResetIsPassedOn(t *testing.T) {
	each(t, func(t *testing.T, tcp bool, newJoined func(*pump.Pump) *joined) {
		if !tcp {
			t.Skip("a UNIX socket cannot be reset")
		}
		for range 20 {
			j := newJoined(newPump(t))
			write(t, j.left, "x")
			read(t, j.right, 1)
			_ = j.left.(*net.TCPConn).SetLinger(0)
			_ = j.left.Close()
			if _, err := j.right.Read([]byte{0}); !isReset(err) {
				t.Error(err)
			}
			_ = j.right.Close()
			<-j.done
			if j.err == nil || j.sent != 1 {
				t.Error(j.sent, j.err)
			}
		}
	})
}

// A writer whose reader has gone notices that, and the last bytes of the reader are passed on.
func TestAnswerToUnreadInput(t *testing.T) {
	each(t, func(t *testing.T, _ bool, newJoined func(*pump.Pump) *joined) {
		j := newJoined(newPump(t))
		write(t, j.left, "unread")
		read(t, j.right, 1)
		write(t, j.right, "answer")
		_ = j.right.Close()
		read(t, j.left, 6)
		var err error
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if _, err = j.left.Write([]byte("more")); err != nil {
				break
			}
		}
		if err == nil {
			t.Error("the writer goes on")
		}
		_ = j.left.Close()
		<-j.done
		if j.err == nil {
			t.Error("no error")
		}
	})
}

func TestCloseEndsAll(t *testing.T) {
	each(t, func(t *testing.T, _ bool, newJoined func(*pump.Pump) *joined) {
		p := newPump(t)
		j := newJoined(p)
		write(t, j.left, "x")
		read(t, j.right, 1)
		_ = p.Close()
		for _, conn := range []net.Conn{j.left, j.right} {
			if n, err := conn.Read([]byte{0}); n != 0 || !errors.Is(err, io.EOF) {
				t.Error(n, err)
			}
			_ = conn.Close()
		}
		<-j.done
		if !errors.Is(j.err, net.ErrClosed) || j.sent != 1 {
			t.Error(j.sent, j.err)
		}
		late := newJoined(p)
		<-late.done
		if !errors.Is(late.err, net.ErrClosed) {
			t.Error(late.err)
		}
		_ = late.left.Close()
		_ = late.right.Close()
	})
}

// Whatever the order in which connections end, what arrives is the beginning of what was sent, and all of it if
// both sides ended regularly.
func TestNoByteIsLostOrInvented(t *testing.T) {
	each(t, func(t *testing.T, _ bool, newJoined func(*pump.Pump) *joined) {
		p := newPump(t)
		connections := 400
		if testing.Short() {
			connections = 60
		}
		storm(t, connections, func() *joined { return newJoined(p) })
	})
}

func storm(t *testing.T, connections int, newJoined func() *joined) {
	t.Helper()
	var regular, total atomic.Int64
	var group sync.WaitGroup
	atOnce := make(chan struct{}, 64)
	for i := range connections {
		j := newJoined()
		atOnce <- struct{}{}
		group.Go(func() {
			defer func() { <-atOnce }()
			seed := uint64(i) + 1
			l, r := newPeer(j.left, seed, seed<<32), newPeer(j.right, seed<<32, seed)
			var ends sync.WaitGroup
			ends.Go(l.run)
			ends.Go(r.run)
			ends.Wait()
			<-j.done
			total.Add(j.sent + j.received)
			if l.bad || r.bad {
				t.Error(i, "received what was not sent")
			}
			if !l.regular || !r.regular {
				return
			}
			regular.Add(1)
			if r.read != l.written || l.read != r.written || j.sent != l.written || j.received != r.written || j.err != nil {
				t.Error(i, "written", l.written, r.written, "read", r.read, l.read, "counted", j.sent, j.received, j.err)
			}
		})
	}
	group.Wait()
	t.Log(connections, "connections,", regular.Load(), "ended regularly,", total.Load(), "bytes")
	if regular.Load() == 0 {
		t.Error("none ended regularly")
	}
}

func write(t *testing.T, conn net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(conn, s); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, conn net.Conn, n int) {
	t.Helper()
	if _, err := io.ReadFull(conn, make([]byte, n)); err != nil {
		t.Fatal(err)
	}
}

// Bytes count while their connections go on.
func TestCounts(t *testing.T) {
	sockets := newPairs(t)
	for name, hide := range map[string]func(half) net.Conn{
		"sockets":    func(c half) net.Conn { return c },
		"goroutines": func(c half) net.Conn { return hidden{c} },
	} {
		p := newPump(t)
		client, a := connect(t, sockets.tcp)
		server, b := connect(t, cmp.Or(sockets.unix, sockets.tcp))
		p.Join(hide(a), hide(b), func(int64, int64, error) {})
		for i, conn := range []half{client, server} {
			if _, err := conn.Write(make([]byte, 1000*(i+1))); err != nil {
				t.Fatal(err)
			}
		}
		for i, conn := range []half{server, client} {
			if _, err := io.ReadFull(conn, make([]byte, 1000*(i+1))); err != nil {
				t.Fatal(err)
			}
		}
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if p.Counts.Received.Load() == 2000 && p.Counts.Sent.Load() == 1000 {
				break // a byte arrives before its writer has returned
			}
		}
		if sent, received := p.Counts.Sent.Load(), p.Counts.Received.Load(); sent != 1000 || received != 2000 {
			t.Errorf("%s: %d bytes sent, %d received", name, sent, received)
		}
		client.Close()
		server.Close()
	}
}

// isReset reports whether an error is a reset, of which Windows has another number.
func isReset(err error) bool {
	const wsaReset = syscall.Errno(10054)
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, wsaReset)
}
