package client

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/sockets/message"
)

// unixConn is a connection of a UNIX socket whose messages name another process as their sender. It is no syscall.Conn: see
// Network.
type unixConn struct {
	conn *net.UnixConn
	as   []byte // the control message
}

// Write writes with the control message.
func (c *unixConn) Write(data []byte) (n int, err error) {
	for {
		sent, _, err := c.conn.WriteMsgUnix(data[n:], c.as, nil)
		if n += max(sent, 0); err != nil || n >= len(data) {
			return n, err
		}
	}
}

func (c *unixConn) Read(data []byte) (int, error)      { return c.conn.Read(data) }
func (c *unixConn) Close() error                       { return c.conn.Close() }
func (c *unixConn) CloseRead() error                   { return c.conn.CloseRead() }
func (c *unixConn) CloseWrite() error                  { return c.conn.CloseWrite() }
func (c *unixConn) LocalAddr() net.Addr                { return c.conn.LocalAddr() }
func (c *unixConn) RemoteAddr() net.Addr               { return c.conn.RemoteAddr() }
func (c *unixConn) SetDeadline(t time.Time) error      { return c.conn.SetDeadline(t) }
func (c *unixConn) SetReadDeadline(t time.Time) error  { return c.conn.SetReadDeadline(t) }
func (c *unixConn) SetWriteDeadline(t time.Time) error { return c.conn.SetWriteDeadline(t) }

// dialUnix has the helper connect to a UNIX socket.
func (l *Local) dialUnix(ctx context.Context, path string) (net.Conn, error) {
	f, as, _, err := l.askUnix(ctx, message.Connect, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	return newUnixConn(conn, as)
}

// askUnix has the helper make a UNIX socket. It returns the socket, the control message of what is written to it, and the
// ID of the question.
func (l *Local) askUnix(ctx context.Context, do message.Task, path string) (f *os.File, as []byte, id uint64, err error) {
	r, err := l.ask(ctx, message.Question{Do: do, Path: path, Type: unix.SOCK_STREAM})
	if err != nil {
		return nil, nil, 0, err
	}
	if len(r.fds) != 1 || r.Writer == nil {
		closeAll(r.fds)
		return nil, nil, 0, errors.New("the helper's answer has no socket")
	}
	as = unix.UnixCredentials(&unix.Ucred{Pid: int32(r.Writer.PID), Uid: uint32(r.Writer.UID), Gid: uint32(r.Writer.GID)})
	return os.NewFile(uintptr(r.fds[0]), "unix"), as, r.ID, nil
}

func newUnixConn(conn net.Conn, as []byte) (net.Conn, error) {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, errors.New("the helper's answer is no UNIX socket")
	}
	return &unixConn{c, as}, nil
}

// listenUnix has the helper bind a UNIX socket.
func (l *Local) listenUnix(ctx context.Context, path string) (net.Listener, error) {
	f, as, id, err := l.askUnix(ctx, message.Listen, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	listener, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	return &unixListener{Listener: listener, network: l, as: as, id: id}, nil
}

// unixListener is a UNIX socket that listens in the container.
type unixListener struct {
	net.Listener
	network *Local
	as      []byte
	id      uint64 // of the question that bound it
}

// Accept returns the next connection.
func (u *unixListener) Accept() (net.Conn, error) {
	conn, err := u.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newUnixConn(conn, u.as)
}

// Close closes the socket and has the helper remove its file.
func (u *unixListener) Close() error {
	err := u.Listener.Close()
	_, _ = u.network.ask(context.Background(), message.Question{Do: message.Remove, Of: u.id})
	return err
}
