//go:build linux

// Package passing sends and receives messages with descriptors on a UNIX socket of type SOCK_SEQPACKET, and keeps those
// away that the peer of a stream passes.
package passing

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MaxMessage is the largest message, in bytes, and MaxFiles the most descriptors of one.
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
		n, fds, got = receiveMessage(fd, buf)
		return !errors.Is(got, unix.EAGAIN) && !errors.Is(got, unix.EINTR)
	})
	return n, fds, errors.Join(err, got)
}

func receiveMessage(socket uintptr, buf []byte) (n int, fds []int, err error) {
	n, fds, marks, err := receive(socket, buf, 0)
	switch {
	case err != nil:
		return 0, nil, err
	case marks&unix.MSG_TRUNC != 0 || len(fds) > MaxFiles:
		CloseAll(fds)
		return 0, nil, ErrTruncated
	case marks&unix.MSG_CTRUNC != 0:
		return n, fds, ErrNoFiles
	}
	return n, fds, nil
}

// received is what recvmsg(2) fills in.
type received struct {
	part    unix.Iovec
	message unix.Msghdr
	control [controlSize / 8]uint64
}

const (
	// controlSize is enough for a sender's credentials, its label, SCM_MAX_FD (253) descriptors and its pidfd, in that order: whoever
	// shares the socket may have asked for any of these. Without the room, the kernel would close descriptors itself: see Read.
	controlSize = 8 << 10
	// scmPidfd is SCM_PIDFD of linux/socket.h, since Linux 6.5.
	scmPidfd = 4
)

// receivers holds the memory that recvmsg(2) fills in, which is on the heap.
//
//nolint:gochecknoglobals // a pool of the runtime's
var receivers = sync.Pool{New: func() any { return new(received) }}

// receive calls recvmsg(2) itself: unix.Recvmsg handles all kinds of addresses, which would make the helper 40 KB larger.
func receive(socket uintptr, buf []byte, flags int) (n int, fds []int, marks int32, err error) {
	r := receivers.Get().(*received)
	defer receivers.Put(r)
	r.part.Base = &buf[0]
	r.part.SetLen(len(buf))
	r.message = unix.Msghdr{Iov: &r.part, Control: (*byte)(unsafe.Pointer(&r.control))}
	r.message.SetIovlen(1)
	r.message.SetControllen(controlSize)
	size, _, errno := unix.Syscall(unix.SYS_RECVMSG, socket, uintptr(unsafe.Pointer(&r.message)), uintptr(flags|unix.MSG_CMSG_CLOEXEC))
	r.part.Base = nil // the caller's
	if errno != 0 {
		return 0, nil, 0, errno
	}
	return int(size), r.descriptors(), r.message.Flags, nil
}

// descriptors returns the descriptors of all control messages.
func (r *received) descriptors() (fds []int) {
	base := unsafe.Pointer(&r.control)
	for at, end := 0, int(r.message.Controllen); at+unix.CmsgLen(0) <= end; {
		header := (*unix.Cmsghdr)(unsafe.Add(base, at))
		length := int(header.Len)
		if length < unix.CmsgLen(0) || at+length > end {
			return fds
		}
		if header.Level == unix.SOL_SOCKET && (header.Type == unix.SCM_RIGHTS || header.Type == scmPidfd) {
			for data := unix.CmsgLen(0); data+4 <= length; data += 4 {
				if fd := *(*int32)(unsafe.Add(base, at+data)); fd >= 0 { // a pidfd that could not be made is an error
					fds = append(fds, int(fd))
				}
			}
		}
		at += unix.CmsgSpace(length - unix.CmsgLen(0))
	}
	return fds
}
