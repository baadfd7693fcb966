//go:build linux

package main

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// mostRoundTrips is the limit of round trips before the first byte of a command's output.
const mostRoundTrips = 8

// TestLinkRoundTrips counts the round trips over a link with a round-trip time of 50 ms.
func TestLinkRoundTrips(t *testing.T) {
	c := newCaller(t)
	web := c.container(t)
	l := newLink(t, c.env)
	for i, setting := range c.env {
		if strings.HasPrefix(setting, "DOCKER_HOST=") {
			c.env[i] = "DOCKER_HOST=tcp://" + l.listener.Addr().String()
		}
	}
	for name, args := range map[string][]string{
		"docker exec":   {"exec", web, "echo", "here"},
		"docker nsjoin": {"nsjoin", web, "echo", "here"},
	} {
		l.reset()
		cmd := c.docker(args...)
		cmd.Stderr = t.Output()
		_, out := startPiped(t, cmd)
		line, _ := out.ReadString('\n')
		trips := l.trips()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil || line != "here\n" {
			t.Fatalf("%s printed %q: %v", name, line, err)
		}
		t.Logf("%s: %d round trips before the first byte", name, trips)
		if trips == 0 {
			t.Errorf("%s did not use the link", name)
		}
		if name == "docker nsjoin" && trips > mostRoundTrips {
			t.Errorf("%d round trips, more than %d", trips, mostRoundTrips)
		}
	}
}

// link forwards connections to an engine's socket, as a slow network does, and counts round
// trips: what the client sends belongs to the round trip after the latest that it received.
type link struct {
	listener net.Listener
	socket   string

	mu  sync.Mutex
	got int // the latest round trip that the client received
}

// delay is that of one direction.
const delay = 25 * time.Millisecond

func newLink(t *testing.T, env []string) *link {
	t.Helper()
	l := &link{}
	for _, setting := range env {
		if socket, ok := strings.CutPrefix(setting, "DOCKER_HOST=unix://"); ok {
			l.socket = socket
		}
	}
	if l.socket == "" {
		t.Fatalf("no socket in %q", env)
	}
	var err error
	if l.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.listener.Close() })
	go func() {
		for {
			client, err := l.listener.Accept()
			if err != nil {
				return
			}
			go l.serve(client)
		}
	}()
	return l
}

func (l *link) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got = 0
}

func (l *link) trips() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.got
}

func (l *link) serve(client net.Conn) {
	engine, err := net.Dial("unix", l.socket)
	if err != nil {
		client.Close()
		return
	}
	began := l.trips() + 1 // connecting takes one
	time.Sleep(2 * delay)
	var asked atomic.Int64 // the round trip of the latest data that the engine received
	asked.Store(int64(began))
	go func() {
		pass(engine, client, func() { asked.Store(int64(max(began, l.trips()) + 1)) })
		_ = engine.(*net.UnixConn).CloseWrite()
	}()
	pass(client, engine, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.got = max(l.got, int(asked.Load()))
	})
	client.Close()
	engine.Close()
}

// pass copies data with the delay. at is called when a part is read from or written to the
// client.
func pass(to io.Writer, from io.Reader, at func()) {
	type part struct {
		bytes []byte
		due   time.Time
	}
	_, fromClient := from.(*net.TCPConn)
	parts := make(chan part, 4096)
	go func() {
		defer close(parts)
		for {
			buf := make([]byte, 64<<10)
			n, err := from.Read(buf)
			if n > 0 {
				if fromClient {
					at()
				}
				parts <- part{buf[:n], time.Now().Add(delay)}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range parts {
		time.Sleep(time.Until(p.due))
		if !fromClient {
			at()
		}
		if _, err := to.Write(p.bytes); err != nil {
			return
		}
	}
}
