package client

import (
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/sockets/message"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/unixconn"
)

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
		r.lost = true
		_, _ = l.answered(message.Question{Do: do, ID: r.ID}, r)
		passing.CloseAll(r.fds)
		return nil, nil, 0, errors.New("the helper's answer has no socket")
	}
	passing.Refuse(r.fds[0])             // what it accepts has that too
	_ = unix.SetNonblock(r.fds[0], true) // it is already, unless a process of the container has changed it
	as = unix.UnixCredentials(&unix.Ucred{Pid: int32(r.Writer.PID), Uid: uint32(r.Writer.UID), Gid: uint32(r.Writer.GID)})
	return os.NewFile(uintptr(r.fds[0]), "unix"), as, r.ID, nil
}

func newUnixConn(conn net.Conn, as []byte) (net.Conn, error) {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, errors.New("the helper's answer is no UNIX socket")
	}
	return unixconn.New(c, as)
}

// listenUnix has the helper bind a UNIX socket.
func (l *Local) listenUnix(ctx context.Context, path string) (net.Listener, error) {
	f, as, id, err := l.askUnix(ctx, message.Listen, path)
	if err != nil {
		return nil, err
	}
	u := &unixListener{file: f, at: &net.UnixAddr{Name: path, Net: "unix"}, network: l, as: as, id: id}
	if u.raw, err = f.SyscallConn(); err != nil {
		u.Close()
		return nil, err
	}
	return u, nil
}

// unixListener is a UNIX socket that listens in the container.
type unixListener struct {
	file    *os.File
	raw     syscall.RawConn
	at      net.Addr
	closed  atomic.Bool
	network *Local
	as      []byte
	id      uint64 // of the question that bound it
}

// Addr returns the address as it was asked for.
func (u *unixListener) Addr() net.Addr { return u.at }

// Accept returns the next connection.
func (u *unixListener) Accept() (net.Conn, error) {
	var fd int
	var failed error
	err := u.raw.Read(func(listener uintptr) bool {
		if !readable(listener) { // accept(2) would wait if a process of the container has made it block
			return false
		}
		fd, _, failed = passing.Accept(int(listener), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		return !errors.Is(failed, unix.EAGAIN)
	})
	switch {
	case u.closed.Load():
		if err == nil && failed == nil {
			passing.CloseAll([]int{fd})
		}
		return nil, &net.OpError{Op: "accept", Net: "unix", Addr: u.at, Err: net.ErrClosed}
	case err != nil:
		return nil, err
	case failed != nil:
		return nil, &net.OpError{Op: "accept", Net: "unix", Addr: u.at, Err: os.NewSyscallError("accept4", failed)}
	}
	f := os.NewFile(uintptr(fd), "unix")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	return newUnixConn(conn, u.as)
}

// readable reports whether a socket has something to read or accept.
func readable(fd uintptr) bool {
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return n > 0
}

// Close closes the socket and has the helper remove its file.
func (u *unixListener) Close() error {
	if u.closed.Swap(true) {
		return net.ErrClosed
	}
	if u.raw != nil {
		_ = u.raw.Control(func(fd uintptr) { passing.Drain(int(fd)) }) // ends an accept(2) that waits
	}
	err := u.file.Close()
	_, _ = u.network.ask(context.Background(), message.Question{Do: message.Remove, Of: u.id})
	return err
}
