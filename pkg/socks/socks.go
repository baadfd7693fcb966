// Package socks is the server's side of the SOCKS protocol, version 5 (RFC 1928), without authentication: CONNECT to
// addresses and names.
//
// golang.org/x/net has the client's side only. github.com/armon/go-socks5, not maintained since 2016, copies the bytes of
// each connection itself, asks for one address of a name, sets no time limits, and decides the reply by the text of an
// error.
package socks

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"
)

// Dialer connects to a port of a host, which is a literal address or what the client has sent as a name: any bytes, at
// most 255. It resolves names. An error decides what the client is told: it may wrap a syscall.Errno or a *net.DNSError.
type Dialer func(ctx context.Context, host string, port uint16) (net.Conn, error)

// patience is how long a client may take for its request, in all.
const patience = 10 * time.Second

// The version and the numbers of the protocol.
const (
	version = 5

	methodNone         = 0
	methodUnacceptable = 0xff

	connect = 1

	typeIPv4 = 1
	typeName = 3
	typeIPv6 = 4
)

// reply is what the client is told.
type reply byte

const (
	succeeded reply = iota
	failed
	notAllowed
	networkUnreachable
	hostUnreachable
	refused
	_
	commandNotSupported
	typeNotSupported
)

// requestError is a request that is refused before anything is dialed.
type requestError struct {
	reply   reply
	message string
}

func (e *requestError) Error() string { return e.message }

// Accept reads a request from a client that has connected, dials what it asks for, and answers. The bytes of both
// connections then belong to each other. If it returns an error, the client has been told, and conn must be closed.
// An error of dial is returned as it is.
func Accept(ctx context.Context, conn net.Conn, dial Dialer) (net.Conn, error) {
	_ = conn.SetDeadline(time.Now().Add(patience))
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := greet(conn); err != nil {
		return nil, fmt.Errorf("read the greeting of a SOCKS client: %w", err)
	}
	host, port, err := readRequest(conn)
	if err != nil {
		if e := (*requestError)(nil); errors.As(err, &e) {
			_ = answer(conn, e.reply, nil)
		}
		return nil, fmt.Errorf("read the request of a SOCKS client: %w", err)
	}
	_ = conn.SetDeadline(time.Time{})
	target, err := dial(ctx, host, port)
	_ = conn.SetWriteDeadline(time.Now().Add(patience))
	if err != nil {
		_ = answer(conn, replyTo(err), nil)
		return nil, err
	}
	err = answer(conn, succeeded, target.LocalAddr())
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = target.Close()
		return nil, fmt.Errorf("answer a SOCKS client: %w", err)
	}
	_ = conn.SetDeadline(time.Time{})
	return target, nil
}

// greet agrees on no authentication. It reads nothing that comes later, and nor do the others.
func greet(conn net.Conn) error {
	var head [2]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return err
	}
	if head[0] != version {
		return fmt.Errorf("it is not SOCKS version 5: the first byte is %#x", head[0])
	}
	methods := make([]byte, head[1])
	if _, err := io.ReadFull(conn, methods); err != nil {
		return err
	}
	if slices.Contains(methods, methodNone) {
		_, err := conn.Write([]byte{version, methodNone})
		return err
	}
	_, _ = conn.Write([]byte{version, methodUnacceptable})
	return errors.New("it does not offer to do without authentication")
}

func readRequest(conn net.Conn) (host string, port uint16, err error) {
	var head [4]byte // version, command, reserved, type of the address
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return "", 0, err
	}
	if head[0] != version {
		return "", 0, &requestError{failed, "it is not SOCKS version 5"}
	}
	var size int
	switch head[3] {
	case typeIPv4:
		size = net.IPv4len
	case typeIPv6:
		size = net.IPv6len
	case typeName:
		var length [1]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return "", 0, err
		}
		size = int(length[0])
	default:
		return "", 0, &requestError{typeNotSupported, fmt.Sprintf("the address has type %d", head[3])}
	}
	b := make([]byte, size+2)
	if _, err := io.ReadFull(conn, b); err != nil {
		return "", 0, err
	}
	if head[1] != connect {
		return "", 0, &requestError{commandNotSupported, fmt.Sprintf("command %d is not supported, only CONNECT", head[1])}
	}
	host = string(b[:size])
	if head[3] != typeName {
		a, _ := netip.AddrFromSlice(b[:size])
		host = a.Unmap().String()
	}
	if host == "" {
		return "", 0, &requestError{failed, "the name is empty"}
	}
	return host, binary.BigEndian.Uint16(b[size:]), nil
}

// answer tells the client, and from where the connection to its target comes.
func answer(conn net.Conn, r reply, from net.Addr) error {
	b := []byte{version, byte(r), 0, typeIPv4}
	bound := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	if tcp, ok := from.(*net.TCPAddr); ok && tcp.AddrPort().IsValid() {
		bound = netip.AddrPortFrom(tcp.AddrPort().Addr().Unmap(), tcp.AddrPort().Port())
	}
	if bound.Addr().Is6() {
		b[3] = typeIPv6
	}
	b = append(b, bound.Addr().AsSlice()...)
	_, err := conn.Write(binary.BigEndian.AppendUint16(b, bound.Port()))
	return err
}

// replyTo returns what the client is told if dial fails.
func replyTo(err error) reply {
	var name *net.DNSError
	is := func(list ...error) bool {
		for _, e := range list {
			if errors.Is(err, e) {
				return true
			}
		}
		return false
	}
	switch {
	case is(syscall.ECONNREFUSED):
		return refused
	case is(syscall.ENETUNREACH):
		return networkUnreachable
	case errors.As(err, &name), is(syscall.EHOSTUNREACH, syscall.ETIMEDOUT, os.ErrDeadlineExceeded, context.DeadlineExceeded):
		return hostUnreachable
	case is(syscall.EACCES, syscall.EPERM):
		return notAllowed
	}
	return failed
}
