package redial

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/docker/docker/client"
)

var errDropped = errors.New("dropped")

// droppedConn is a connection that the other end drops.
type droppedConn struct {
	net.Conn
	err error
}

func (droppedConn) Read([]byte) (int, error)    { return 0, errDropped }
func (c droppedConn) Write([]byte) (int, error) { return 0, c.err }
func (droppedConn) Close() error                { return nil }

// echoLine is the other end of a connection: it sends back what it reads up to a newline.
func echoLine(conn net.Conn) {
	text := make([]byte, 100)
	n := 0
	for !bytes.Contains(text[:n], []byte("\n")) {
		more, err := conn.Read(text[n:])
		if err != nil {
			return
		}
		n += more
	}
	_, _ = conn.Write(text[:n])
	_ = conn.Close()
}

// dialWithDrops dials a connection of which the first ones are dropped.
func dialWithDrops(t *testing.T, drops int, is func(error) bool) (conn net.Conn, dials *int) {
	t.Helper()
	dials = new(int)
	var dial func(ctx context.Context, network, addr string) (net.Conn, error)
	_, err := client.NewClientWithOpts(Option(func(context.Context, string, string) (net.Conn, error) {
		if *dials++; *dials <= drops {
			return droppedConn{err: io.ErrClosedPipe}, nil
		}
		client, server := net.Pipe()
		go echoLine(server)
		return client, nil
	}, is), func(c *client.Client) error {
		dialer := c.Dialer()
		dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialer(ctx) }
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	conn, err = dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, dials
}

func TestDroppedConnectionIsRedialed(t *testing.T) {
	conn, dials := dialWithDrops(t, 3, func(err error) bool { return errors.Is(err, errDropped) })
	for _, part := range []string{"GET ", "/\n"} {
		if n, err := io.WriteString(conn, part); n != len(part) || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	got, err := io.ReadAll(conn)
	if string(got) != "GET /\n" || err != nil || *dials != 4 {
		t.Errorf("%q, %v after %d dials", got, err, *dials)
	}
}

// A request that may have reached the engine is not sent again.
func TestOtherErrorsAreNotRedialed(t *testing.T) {
	conn, dials := dialWithDrops(t, 3, func(error) bool { return false })
	if _, err := io.WriteString(conn, "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, errDropped) || *dials != 1 {
		t.Errorf("%v after %d", err, *dials)
	}
}

func TestNoRedialAfterData(t *testing.T) {
	conn, dials := dialWithDrops(t, 0, func(error) bool { return true })
	if _, err := io.WriteString(conn, "a\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); string(got) != "a\n" || err != nil || *dials != 1 {
		t.Errorf("%q, %v after %d", got, err, *dials)
	}
}

func TestNoRedialAfterClose(t *testing.T) {
	conn, dials := dialWithDrops(t, maxRedials+1, func(error) bool { return true })
	done := make(chan error)
	go func() {
		_, err := conn.Read(make([]byte, 1))
		done <- err
	}()
	_ = conn.Close()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "dropped") || *dials > maxRedials {
		t.Errorf("%v after %d", err, *dials)
	}
}
