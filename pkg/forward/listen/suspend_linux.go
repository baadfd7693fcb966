package listen

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// suspend keeps the port: a socket that has stopped listening by shutdown(2) stays bound. It takes SO_REUSEADDR away, since
// another socket that has it could be bound beside one that does not listen.
func (l *tcpListener) suspend() {
	if l.multipath { // which does not stay bound
		_ = l.Close()
		return
	}
	l.withhold()
	_ = l.raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RD) })
}

// withhold takes SO_REUSEADDR away. Connections that are made until shutdown(2) do not have it either: one that lived on would
// keep the port from resume. Accept resets them.
func (l *tcpListener) withhold() {
	l.suspended.Store(true)
	_ = l.raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 0) })
}

// resume needs SO_REUSEADDR, since connections may be in TIME_WAIT.
func (l *tcpListener) resume(context.Context) error {
	l.suspended.Store(false)
	var failed error
	err := l.raw.Control(func(fd uintptr) {
		failed = errors.Join(
			os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)),
			os.NewSyscallError("listen", unix.Listen(int(fd), backlog)))
	})
	return errors.Join(err, failed)
}

// backlog is more than the kernel's limit, net.core.somaxconn, which counts then.
const backlog = 1 << 16
