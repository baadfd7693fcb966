//go:build linux

package server_test

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// serveUDP sends packets back to where they came from. stop ends that.
func serveUDP(t *testing.T, address string) (bound string, stop func()) {
	t.Helper()
	server, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		b := make([]byte, 1<<16)
		for {
			n, from, err := server.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(b[:n], from)
		}
	})
	return server.LocalAddr().String(), func() { server.Close(); wait.Wait() }
}

// exchangePacket sends a packet and expects it back.
func exchangePacket(t *testing.T, c net.Conn, b []byte, size int) {
	t.Helper()
	n, err := -1, error(nil)
	for range 10 { // the kernel drops packets on a busy machine
		if _, err := c.Write(b[:size]); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		for n = -1; n != size && err == nil; { // others are late answers to one that was repeated
			n, err = c.Read(b)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		n, err = -1, nil
	}
	if n != size || err != nil {
		t.Errorf("%d of %d bytes, %v", n, size, err)
	}
}

func TestUDP(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		bound, stop := serveUDP(t, address)
		n, _, _ := open(t)
		c := dial(t, n, "udp", bound)
		b := make([]byte, 1<<16)
		for _, size := range []int{1, 1400, 0, 60000} {
			exchangePacket(t, c, b, size)
		}
		stop()
		var err error
		for range 20 { // the kernel sends a limited number of ICMP messages a second
			_, _ = c.Write(b[:1])
			_ = c.SetReadDeadline(time.Now().Add(time.Second))
			if _, err = c.Read(b); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("nobody is there: %v", err)
		}
		c.Close()
	}
}
