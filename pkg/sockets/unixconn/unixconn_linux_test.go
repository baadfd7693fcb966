package unixconn_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing/lingertest"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/unixconn"
)

// connect connects two UNIX sockets.
func connect(t *testing.T) (ours, theirs *net.UnixConn) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: t.TempDir() + "/s", Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	theirs, err = net.DialUnix("unix", nil, l.Addr().(*net.UnixAddr))
	if err != nil {
		t.Fatal(err)
	}
	ours, err = l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// A descriptor whose close(2) waits is passed before the connection is guarded: it holds up neither reading nor closing.
func TestPassedDescriptors(t *testing.T) {
	const text = "text"
	for name, does := range map[string]func(conn net.Conn){
		"read": func(conn net.Conn) {
			if all, err := io.ReadAll(conn); err != nil || string(all) != text {
				t.Errorf("%q, %v", all, err)
			}
		},
		"unread": func(net.Conn) {},
	} {
		ours, theirs := connect(t)
		raw, err := theirs.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		_ = raw.Control(func(fd uintptr) { lingertest.Send(t, int(fd), text) })
		theirs.Close()
		guarded := unixconn.Guard(ours)
		if guarded == net.Conn(ours) {
			t.Fatal("it is not guarded")
		}
		done := make(chan struct{})
		go func() {
			does(guarded)
			guarded.Close()
			close(done)
		}()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Fatalf("%s: it waits for what was passed", name)
		}
	}
}

// A guarded connection is like another one: data in both directions, the end of one, deadlines.
func TestGuarded(t *testing.T) {
	ours, theirs := connect(t)
	defer theirs.Close()
	guarded := unixconn.Guard(ours)
	go func() {
		_, _ = io.Copy(theirs, theirs)
		_ = theirs.CloseWrite()
	}()
	sent := make([]byte, 1<<20)
	go func() {
		_, _ = guarded.Write(sent)
		_ = guarded.(interface{ CloseWrite() error }).CloseWrite()
	}()
	if n, err := io.Copy(io.Discard, guarded); n != int64(len(sent)) || err != nil {
		t.Error(n, err)
	}
	guarded.Close()
	buf := make([]byte, 10)
	if _, err := guarded.Read(buf); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}

	another, peer := connect(t)
	defer peer.Close()
	late := unixconn.Guard(another)
	defer late.Close()
	_ = late.SetReadDeadline(time.Now())
	failed, ok := errors.AsType[net.Error](func() error { _, err := late.Read(buf); return err }())
	if !ok || !failed.Timeout() {
		t.Error(failed)
	}
}
