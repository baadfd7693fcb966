package client

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/frame/streams"
)

// conn is a connection in a container, through a helper; net.Conn.
type conn struct {
	stream        *streams.Stream
	network       string
	local, remote net.Addr
	abort         atomic.Bool // Close resets
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.stream.Read(b)
	return n, c.failed("read", err)
}

func (c *conn) Write(b []byte) (int, error) {
	n, err := c.stream.Write(b)
	return n, c.failed("write", err)
}

// WriteTo writes what comes to w, without copying it; io.WriterTo.
func (c *conn) WriteTo(w io.Writer) (int64, error) {
	n, err := c.stream.WriteTo(w)
	return n, c.failed("read", err)
}

// CloseWrite sends the end of the data.
func (c *conn) CloseWrite() error { return c.failed("close", c.stream.CloseWrite()) }

// SetLinger with 0 has Close reset the connection, as SetLinger of net.TCPConn does. Other values have no effect: what
// was written is delivered, and Close does not wait.
func (c *conn) SetLinger(seconds int) error {
	c.abort.Store(seconds == 0)
	return nil
}

func (c *conn) Close() error {
	if c.abort.Load() {
		c.stream.Reset(0)
		return nil
	}
	return c.stream.Close()
}

func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.stream.SetReadDeadline(t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.stream.SetWriteDeadline(t)
	return nil
}

// failed returns an error of the stream as package net has it. Other errors are those of the writer of WriteTo.
func (c *conn) failed(op string, err error) error {
	if err == nil || err == io.EOF { //nolint:errorlint // the stream's is never wrapped
		return err
	}
	explained := explain(op, err)
	if explained == err { //nolint:errorlint // it was not changed
		return err
	}
	return &net.OpError{Op: op, Net: c.network, Source: c.local, Addr: c.remote, Err: explained}
}

// listener is a listener in a container; net.Listener.
type listener struct {
	stream  *streams.Stream
	network string
	at      net.Addr
}

func (l *listener) Addr() net.Addr { return l.at }
func (l *listener) Close() error   { return l.stream.Close() }

func (l *listener) Accept() (net.Conn, error) {
	s, err := l.stream.Next()
	if err != nil {
		return nil, &net.OpError{Op: "accept", Net: l.network, Addr: l.at, Err: explain("accept", err)}
	}
	return &conn{stream: s, network: l.network, local: l.at, remote: decode(l.network, s.Address())}, nil
}

// ErrLimit says that a network through the engine has as many connections as it may have.
var ErrLimit = fmt.Errorf("%d connections at a time are the limit through the engine", streams.Limit)

// explain returns an error of a stream as package net and the system have it: call is the system call that has failed
// in the container.
func explain(call string, err error) error {
	ended, isEnded := errors.AsType[*streams.EndedError](err)
	var errno syscall.Errno
	switch {
	case errors.Is(err, streams.ErrDeadline):
		return os.ErrDeadlineExceeded
	case errors.Is(err, streams.ErrClosed):
		return net.ErrClosed
	case errors.Is(err, streams.ErrUnread):
		errno = syscall.EPIPE
	case errors.Is(err, streams.ErrLimit), isEnded && ended.Text == streams.ErrLimit.Error():
		return ErrLimit
	case !isEnded:
		return err
	case ended.Errno == 0 && ended.Text == "":
		errno = syscall.ECONNRESET
	case ended.Errno == 0:
		return errors.New(ended.Text)
	default:
		known, ok := errnoOf(ended.Errno)
		if !ok || ended.Text != "" && ended.Text != known.Error() {
			return &engineError{text: ended.Error(), errno: known}
		}
		errno = known
	}
	if call == "" {
		return errno
	}
	return os.NewSyscallError(call, errno)
}

// engineError is an error of the helper with its text.
type engineError struct {
	text  string
	errno syscall.Errno
}

func (e *engineError) Error() string { return e.text }
func (e *engineError) Unwrap() error { return e.errno }

// addressOf returns an address in the container.
func addressOf(network, address string) (net.Addr, error) {
	if network == "unix" {
		return &net.UnixAddr{Name: address, Net: network}, nil
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	return addressAt(network, at)
}

func addressAt(network string, at netip.AddrPort) (net.Addr, error) {
	switch network {
	case "tcp":
		return net.TCPAddrFromAddrPort(at), nil
	case "udp":
		return net.UDPAddrFromAddrPort(at), nil
	}
	return nil, net.UnknownNetworkError(network)
}

// encode returns an address as package streams has it.
func encode(network, address string) string {
	at, err := netip.ParseAddrPort(address)
	if network == "unix" || err != nil {
		return address
	}
	family, ip := byte('6'), at.Addr().Unmap()
	if ip.Is4() {
		family = '4'
	}
	b := append([]byte{family}, ip.AsSlice()...)
	return string(append(append(b, byte(at.Port()>>8), byte(at.Port())), ip.Zone()...))
}

// decode returns an address that package streams has.
func decode(network, encoded string) net.Addr {
	const size4, size6, port = 4, 16, 2
	size := size4
	if strings.HasPrefix(encoded, "6") {
		size = size6
	}
	if network == "unix" || len(encoded) < 1+size+port {
		return unknownOf(network)
	}
	ip, _ := netip.AddrFromSlice([]byte(encoded[1 : 1+size]))
	rest := encoded[1+size:]
	at, err := addressAt(network, netip.AddrPortFrom(ip.WithZone(rest[port:]), uint16(rest[0])<<8|uint16(rest[1])))
	if err != nil {
		return unknownOf(network)
	}
	return at
}

// unknownOf returns an address of which only the network is known.
func unknownOf(network string) net.Addr {
	switch network {
	case "tcp":
		return &net.TCPAddr{}
	case "udp":
		return &net.UDPAddr{}
	}
	return &net.UnixAddr{Net: network}
}
