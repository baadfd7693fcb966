//go:build linux

// Package passing sends and receives messages with descriptors on a socket of type SOCK_SEQPACKET.
package passing

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MaxMessage is the largest message, in bytes, and MaxFiles the most descriptors of one. The kernel's limit of
// descriptors is SCM_MAX_FD, 253.
const (
	MaxMessage = 32 << 10
	MaxFiles   = 64
)

var (
	// ErrTruncated says that a message was larger, or had more descriptors.
	ErrTruncated = errors.New("the message is too large")
	// ErrNoFiles says that this process cannot have as many open files as came with a message. The message is complete,
	// and the descriptors are the first ones. It wraps unix.EMFILE.
	ErrNoFiles = fmt.Errorf("descriptors of a message are lost: %w", unix.EMFILE)
)

// Pair makes two connected sockets, close-on-exec and non-blocking.
func Pair() (a, b *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "socket"), os.NewFile(uintptr(fds[1]), "socket"), nil
}

// Send sends a message. The descriptors stay the caller's. It waits for room in the socket's buffer.
func Send(to *os.File, message []byte, fds []int) error {
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	raw, err := to.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Write(func(fd uintptr) bool {
		sent = unix.Sendmsg(int(fd), message, rights, nil, unix.MSG_NOSIGNAL)
		return !errors.Is(sent, unix.EAGAIN) && !errors.Is(sent, unix.EINTR)
	})
	return errors.Join(err, sent)
}

// Receive receives a message into buf. The descriptors are close-on-exec and the caller's. After the other side
// has closed its socket, n is 0. With ErrNoFiles, n and fds are valid too.
func Receive(from *os.File, buf []byte) (n int, fds []int, err error) {
	raw, err := from.SyscallConn()
	if err != nil {
		return 0, nil, err
	}
	var got error
	err = raw.Read(func(fd uintptr) bool {
		n, fds, got = receive(fd, buf)
		return !errors.Is(got, unix.EAGAIN) && !errors.Is(got, unix.EINTR)
	})
	return n, fds, errors.Join(err, got)
}

// receive calls recvmsg(2) itself: unix.Recvmsg handles all kinds of addresses, which would make the helper 40 KB larger.
func receive(socket uintptr, buf []byte) (n int, fds []int, err error) {
	var rights struct {
		unix.Cmsghdr
		fds [MaxFiles]int32
	}
	part := unix.Iovec{Base: &buf[0]}
	part.SetLen(len(buf))
	message := unix.Msghdr{Iov: &part, Control: (*byte)(unsafe.Pointer(&rights))}
	message.SetIovlen(1)
	message.SetControllen(int(unsafe.Sizeof(rights)))
	size, _, errno := unix.Syscall(unix.SYS_RECVMSG, socket, uintptr(unsafe.Pointer(&message)), unix.MSG_CMSG_CLOEXEC)
	if errno != 0 {
		return 0, nil, errno
	}
	if int(message.Controllen) >= unix.CmsgLen(4) && rights.Level == unix.SOL_SOCKET && rights.Type == unix.SCM_RIGHTS {
		for i := range min(MaxFiles, (int(rights.Len)-unix.CmsgLen(0))/4) {
			fds = append(fds, int(rights.fds[i]))
		}
	}
	if message.Flags&unix.MSG_CTRUNC != 0 && message.Flags&unix.MSG_TRUNC == 0 && len(fds) < MaxFiles {
		return int(size), fds, ErrNoFiles // there was room for more
	}
	if message.Flags&(unix.MSG_CTRUNC|unix.MSG_TRUNC) != 0 {
		for _, fd := range fds {
			unix.Close(fd)
		}
		return 0, nil, ErrTruncated
	}
	return int(size), fds, nil
}
