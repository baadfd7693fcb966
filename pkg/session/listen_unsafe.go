//go:build linux

package session

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// listen reads orders until the helper is gone. It returns them and the pidfd that came with them, or
// nil. After an error it returns what was read before.
func listen(socket *os.File) (orders []byte, pidfd *os.File) {
	buf := make([]byte, 4096)
	for {
		n, fd, err := receive(socket, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if fd >= 0 {
			pidfd = os.NewFile(uintptr(fd), "pidfd")
		}
		if err != nil || n == 0 {
			return orders, pidfd
		}
		orders = append(orders, buf[:n]...)
	}
}

// receive reads from a socket, and returns the descriptor that was passed along, or -1. It calls recvmsg(2)
// itself: unix.Recvmsg handles all kinds of addresses, which would make the helper 40 KB larger.
func receive(socket *os.File, buf []byte) (n, passed int, err error) {
	var rights struct {
		unix.Cmsghdr
		fd int32
		_  int32
	}
	part := unix.Iovec{Base: &buf[0]}
	part.SetLen(len(buf))
	message := unix.Msghdr{Iov: &part, Control: (*byte)(unsafe.Pointer(&rights))}
	message.SetIovlen(1)
	message.SetControllen(int(unsafe.Sizeof(rights)))
	size, _, errno := unix.Syscall(unix.SYS_RECVMSG, socket.Fd(), uintptr(unsafe.Pointer(&message)), unix.MSG_CMSG_CLOEXEC)
	if errno != 0 {
		return 0, -1, errno
	}
	if int(message.Controllen) < unix.CmsgLen(4) || rights.Level != unix.SOL_SOCKET || rights.Type != unix.SCM_RIGHTS {
		return int(size), -1, nil
	}
	return int(size), int(rights.fd), nil
}
