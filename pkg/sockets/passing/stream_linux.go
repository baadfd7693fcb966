package passing

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// soPassRights is SO_PASSRIGHTS of asm-generic/socket.h, since Linux 6.16: whether a peer may pass descriptors.
const soPassRights = 83

// Refuse has the kernel refuse the descriptors that the peer of a UNIX socket passes: its sendmsg(2) fails with EPERM. What a
// listening socket accepts has the setting too. Before Linux 6.16 it does nothing for them. A byte of urgent data becomes one
// like the others: the kernel would drop it, with the descriptors that came along, in the thread that reads.
func Refuse(fd int) {
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, soPassRights, 0)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1)
}

// MayCome reports whether the peer of a UNIX socket may pass descriptors.
func MayCome(fd int) bool {
	may, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, soPassRights)
	return err != nil || may != 0
}

// Read reads from a stream for which Refuse was called, and does not wait: without data it returns EAGAIN, at the end 0. data is not empty. Descriptors that
// come with the data are closed.
//
// read(2) would have the kernel close them in the thread that reads. If the peer has kept none, and one is of a socket that
// lingers (SO_LINGER), the thread then waits for as many seconds as the peer likes.
func Read(fd int, data []byte) (n int, err error) {
	for {
		n, passed, _, err := receive(uintptr(fd), data, unix.MSG_DONTWAIT)
		CloseAll(passed)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// CloseAll closes descriptors that another process has passed, and does not wait. Sockets among them do not linger any more, and
// those of UNIX are ended: there may be descriptors in their queues. The kernel limits how deep.
func CloseAll(fds []int) {
	for _, fd := range fds {
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{}) // other files have no such option
		if domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN); err == nil && domain == unix.AF_UNIX {
			Drain(fd)
		}
		unix.Close(fd)
	}
}

// Accept is accept4(2) for all listening sockets. A signal, and a client that has gone before it was accepted, are no errors. The
// address is one of package syscall: golang.org/x/sys makes another system call for it.
func Accept(listener, flags int) (fd int, from syscall.Sockaddr, err error) {
	for {
		fd, from, err = syscall.Accept4(listener, flags)
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ECONNABORTED) {
			return fd, from, err
		}
	}
}

// Drain ends a UNIX socket in both directions, and removes what was not read and the connections that were not accepted: the
// kernel would close the descriptors among it when the socket is closed. See Read.
func Drain(fd int) {
	_ = unix.Shutdown(fd, unix.SHUT_RDWR) // nothing comes after that, and no call waits
	Refuse(fd)
	if listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err == nil && listens != 0 {
		for {
			conn, _, err := Accept(fd, unix.SOCK_CLOEXEC)
			if err != nil {
				return
			}
			CloseAll([]int{conn})
		}
	}
	most := 1
	if typ, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || typ != unix.SOCK_STREAM {
		most = 1 << 12 // messages may be empty, too
	}
	data := make([]byte, 4<<10)
	for empty := 0; empty < most; {
		n, err := Read(fd, data)
		switch {
		case n > 0:
			empty = 0
		case err == nil || errors.Is(err, unix.ECONNRESET):
			empty++
		default:
			return
		}
	}
}
