//go:build linux

package recorder

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/memfd"
)

// sockets are the paths of the host's loggers, below its root.
var sockets = map[audit.Destination]string{
	audit.Journald: "/run/systemd/journal/socket",
	audit.Syslog:   "/dev/log",
}

// sendTimeout is how long a logger may take to accept a record.
const sendTimeout = 2 * time.Second

// logger is a connection to the host's logger.
type logger struct {
	to     audit.Destination
	socket *os.File
}

// dial connects to the logger of the host with this root directory. It uses a descriptor of the socket,
// since the helper may be in a container, with other paths.
func dial(root *os.File, to audit.Destination) (*logger, error) {
	path, known := sockets[to]
	if !known {
		return nil, fmt.Errorf("unknown logger %q", to)
	}
	at, err := inroot.OpenPath(root, path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer at.Close()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	socket := os.NewFile(uintptr(fd), path)
	limit := unix.NsecToTimeval(sendTimeout.Nanoseconds())
	if err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit); err == nil {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(int(at.Fd()))})
	}
	if err != nil {
		socket.Close()
		return nil, fmt.Errorf("connect to %s: %w", path, err)
	}
	return &logger{to: to, socket: socket}, nil
}

// write sends a record. If the logger's queue is full it waits up to sendTimeout.
func (l *logger) write(text []byte) error {
	text = append(audit.Head(l.to, time.Now(), os.Getpid()), text...)
	err := l.send(text, nil)
	if l.to == audit.Journald && (errors.Is(err, unix.EMSGSIZE) || errors.Is(err, unix.ENOBUFS)) {
		err = l.sendFile(text)
	}
	if errors.Is(err, unix.EAGAIN) {
		err = fmt.Errorf("the logger accepted nothing for %s", sendTimeout)
	}
	if err != nil {
		return fmt.Errorf("write to %s: %w", l.to, err)
	}
	return nil
}

// sendFile sends a record that is too large for a datagram as a sealed memory file, as journald's
// protocol requires.
func (l *logger) sendFile(text []byte) error {
	f, err := sealedFile(text)
	if err != nil {
		return err
	}
	defer f.Close()
	return l.send(nil, unix.UnixRights(int(f.Fd())))
}

func (l *logger) send(text, rights []byte) error {
	deadline := time.Now().Add(sendTimeout)
	for {
		err := unix.Sendmsg(int(l.socket.Fd()), text, rights, nil, unix.MSG_NOSIGNAL)
		if !errors.Is(err, unix.EINTR) || time.Now().After(deadline) {
			return err
		}
	}
}

func sealedFile(text []byte) (*os.File, error) {
	return memfd.Sealed("docker-nsjoin-record", unix.MFD_NOEXEC_SEAL, func(f *os.File) error {
		_, err := f.Write(text)
		return err
	})
}
