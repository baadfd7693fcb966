//go:build linux

package dialer

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/join"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/message"
)

// writer is whom messages on UNIX sockets name as their sender.
type writer struct {
	message.Writer
	message []byte // the control message that says so
}

// newWriter finds out whom messages may name. Whoever receives them can have a pidfd of that process (SO_PASSPIDFD, Linux
// 6.5), and with CAP_SYS_PTRACE its descriptors. That must not be this process.
func (d *Dialer) newWriter(taken *join.Taken) (*writer, error) {
	w := &writer{Writer: message.Writer{PID: d.process.PID, UID: taken.UID, GID: taken.GID}}
	w.message = credentials(w.Writer)
	err := tryWriter(w.message)
	if errors.Is(err, unix.EPERM) && d.unix.planed.plan.Identity.Container.Capabilities.Bounding&sysPtrace == 0 {
		// A rootless engine's helper may not name another process.
		w.PID = os.Getpid()
		w.message = credentials(w.Writer)
		err = tryWriter(w.message)
	}
	switch {
	case errors.Is(err, unix.ESRCH):
		return nil, fmt.Errorf("UNIX sockets of %q: its first process has ended: %w", d.Plan.Target, err)
	case errors.Is(err, unix.EPERM):
		return nil, exit.Hint(fmt.Errorf("UNIX sockets of %q: a process there could get the descriptors of docker nsjoin", d.Plan.Target),
			"the container has CAP_SYS_PTRACE, and docker nsjoin has no rights over the host's processes")
	case err != nil:
		return nil, fmt.Errorf("UNIX sockets of %q: %w", d.Plan.Target, err)
	}
	return w, nil
}

const sysPtrace = 1 << unix.CAP_SYS_PTRACE

func credentials(w message.Writer) []byte {
	return unix.UnixCredentials(&unix.Ucred{Pid: int32(w.PID), Uid: uint32(w.UID), Gid: uint32(w.GID)})
}

// tryWriter sends a message to this process.
func tryWriter(message []byte) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	return unix.Sendmsg(pair[0], []byte{0}, message, nil, unix.MSG_NOSIGNAL)
}

// Writer returns whom messages on UNIX sockets name, once there was one.
func (d *Dialer) Writer() (w message.Writer, known bool) {
	if w := d.unix.writer.Load(); w != nil {
		return w.Writer, true
	}
	return message.Writer{}, false
}

// WriteUnix writes to a socket from ConnectUnix, or to one that was accepted from ListenUnix, without blocking and without SIGPIPE:
// unix.EAGAIN says that it would block. Nothing else may write to such a socket: its peer may ask the kernel who
// has written (SO_PASSCRED, SO_PASSPIDFD), and would get a pidfd of this process. WriteUnix names the container's first
// process instead.
func (d *Dialer) WriteUnix(fd int, data []byte) (n int, err error) {
	w := d.unix.writer.Load()
	if w == nil {
		return 0, unix.ENOTCONN
	}
	for {
		n, err = unix.SendmsgN(fd, data, w.message, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
