package socks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/proxy"

	"github.com/nsjoin/docker-nsjoin/pkg/leaktest"
	"github.com/nsjoin/docker-nsjoin/pkg/socks"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// serve accepts one client.
func serve(ctx context.Context, t *testing.T, dial socks.Dialer) (address string, result chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	result = make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			result <- err
			return
		}
		target, err := socks.Accept(ctx, conn, dial)
		if err == nil {
			b := make([]byte, 4)
			_, _ = io.ReadFull(conn, b)
			_, _ = target.Write(b)
			_ = target.Close()
		}
		_ = conn.Close()
		result <- err
	}()
	return l.Addr().String(), result
}

// A client of another's connects, and its first bytes arrive.
func TestClientsConnect(t *testing.T) {
	for _, target := range []string{"192.0.2.1:80", "[2001:db8::1]:443", "db.example:5432", strings.Repeat("n", 255) + ":1"} {
		here, there := net.Pipe()
		asked := ""
		address, result := serve(t.Context(), t, func(_ context.Context, host string, port uint16) (net.Conn, error) {
			asked = net.JoinHostPort(host, strconv.Itoa(int(port)))
			return here, nil
		})
		dialer, err := proxy.SOCKS5("tcp", address, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := dialer.Dial("tcp", target)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte("data"))
		if got, err := io.ReadAll(there); string(got) != "data" || err != nil {
			t.Errorf("%q %v", got, err)
		}
		_ = conn.Close()
		if err := <-result; err != nil || asked != target {
			t.Error(asked, err)
		}
	}
}

const greeting = "\x05\x01\x00"

func TestReplies(t *testing.T) {
	for _, row := range []struct {
		send  string
		dial  error
		reply string
	}{
		{greeting + "\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50", syscall.ECONNREFUSED, "\x05\x00\x05\x05"},
		{greeting + "\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50", os.NewSyscallError("connect", syscall.ENETUNREACH), "\x05\x00\x05\x03"},
		{greeting + "\x05\x01\x00\x03\x01x\x00\x50", &net.DNSError{IsNotFound: true}, "\x05\x00\x05\x04"},
		{greeting + "\x05\x01\x00\x03\x01x\x00\x50", fmt.Errorf("x: %w", context.DeadlineExceeded), "\x05\x00\x05\x04"},
		{greeting + "\x05\x01\x00\x03\x01x\x00\x50", syscall.EPERM, "\x05\x00\x05\x02"},
		{greeting + "\x05\x01\x00\x03\x01x\x00\x50", errors.New("other"), "\x05\x00\x05\x01"},
		{greeting + "\x05\x02\x00\x01\x7f\x00\x00\x01\x00\x50", nil, "\x05\x00\x05\x07"},
		{greeting + "\x05\x03\x00\x01\x7f\x00\x00\x01\x00\x50", nil, "\x05\x00\x05\x07"},
		{greeting + "\x05\x01\x00\x02", nil, "\x05\x00\x05\x08"},
		{greeting + "\x05\x01\x00\x03\x00\x00\x50", nil, "\x05\x00\x05\x01"},
		{"\x05\x01\x02", nil, "\x05\xff"},
		{"\x05\x00", nil, "\x05\xff"},
		{"\x04\x01\x00\x50", nil, ""},
		{"GET / HTTP/1.1\r\n\r\n", nil, ""},
		{greeting, nil, "\x05\x00"},
		{greeting + "\x05\x01\x00\x03\xffshort", nil, "\x05\x00"},
	} {
		address, result := serve(t.Context(), t, func(context.Context, string, uint16) (net.Conn, error) { return nil, row.dial })
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, row.send)
		_ = conn.(*net.TCPConn).CloseWrite()
		got, _ := io.ReadAll(conn)
		_ = conn.Close()
		if !bytes.HasPrefix(got, []byte(row.reply)) || row.reply == "" && len(got) > 0 {
			t.Errorf("%q: %q", row.send, got)
		}
		if err := <-result; err == nil || row.dial != nil && !errors.Is(err, row.dial) {
			t.Errorf("%q: %v", row.send, err)
		}
	}
}

func TestCancelledClient(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address, result := serve(ctx, t, nil)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, greeting)
	time.AfterFunc(20*time.Millisecond, cancel)
	if err := <-result; err == nil {
		t.Error("no error")
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(greeting + "\x05\x01\x00\x03\x01x\x00\x50data"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		here, there := net.Pipe()
		go func() {
			_, _ = there.Write(sent)
			_ = there.Close()
		}()
		go func() { _, _ = io.Copy(io.Discard, there) }()
		conn, err := socks.Accept(t.Context(), here, func(_ context.Context, host string, _ uint16) (net.Conn, error) {
			if host == "" || len(host) > 255 {
				t.Errorf("%q", host)
			}
			return nil, syscall.ECONNREFUSED
		})
		if conn != nil || err == nil {
			t.Error(conn, err)
		}
		_ = here.Close()
	})
}
