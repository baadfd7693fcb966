//go:build linux

// Package audittest is journald and syslog for tests: what listens on their sockets, and
// a reader of the forms that package audit writes, which is none of that package's code.
package audittest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Listener is a socket that records come to.
type Listener struct{ socket *os.File }

// Listen makes a socket at path, and its directory. What was there is removed.
func Listen(path string) (*Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	_ = os.Remove(path)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	l := &Listener{os.NewFile(uintptr(fd), path)}
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: path})
	}
	return l, err
}

// Close ends it. The file stays, as that of a journald that has ended does.
func (l *Listener) Close() error { return l.socket.Close() }

// Receive returns the next record within a time, and the sender's process, which the
// kernel tells. It fails with ErrDeadlineExceeded of package os.
func (l *Listener) Receive(within time.Duration) (text []byte, pid int, err error) {
	fds := []unix.PollFd{{Fd: int32(l.socket.Fd()), Events: unix.POLLIN}}
	for deadline := time.Now().Add(within); ; {
		n, err := unix.Poll(fds, max(0, int(time.Until(deadline).Milliseconds())))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n == 0 {
			err = os.ErrDeadlineExceeded
		}
		if err != nil {
			return nil, 0, err
		}
		break
	}
	text, oob := make([]byte, 1<<20), make([]byte, 256)
	n, oobn, _, _, err := unix.Recvmsg(int(l.socket.Fd()), text, oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return nil, 0, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return nil, 0, err
	}
	text = text[:n]
	for _, m := range messages {
		if credentials, err := unix.ParseUnixCredentials(&m); err == nil {
			pid = int(credentials.Pid)
		}
		if files, err := unix.ParseUnixRights(&m); err == nil {
			if text, err = sealed(files); err != nil {
				return nil, 0, err
			}
		}
	}
	return text, pid, nil
}

// sealed reads the file of a record that is too large for a datagram, which journald
// takes without copying it only if nobody can change it any more.
func sealed(files []int) ([]byte, error) {
	f := os.NewFile(uintptr(files[0]), "record")
	defer f.Close()
	seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	if err != nil {
		return nil, err
	}
	if all := unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE; seals&all != all {
		return nil, fmt.Errorf("the record's file has the seals %#x", seals)
	}
	return io.ReadAll(io.NewSectionReader(f, 0, 1<<30))
}

// Field is a field of a record.
type Field struct{ Name, Value string }

// Parse reads a record of journald's protocol: all its values have their length in front.
func Parse(text []byte) ([]Field, error) {
	var list []Field
	for len(text) > 0 {
		name, rest, found := bytes.Cut(text, []byte("\n"))
		if !found || len(rest) < 8 || strings.Trim(string(name), "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != "" {
			return nil, fmt.Errorf("no field: %.40q", text)
		}
		size := binary.LittleEndian.Uint64(rest)
		if rest = rest[8:]; uint64(len(rest)) <= size || rest[size] != '\n' {
			return nil, fmt.Errorf("%s: no value of %d bytes", name, size)
		}
		list = append(list, Field{string(name), string(rest[:size])})
		text = rest[size+1:]
	}
	return list, nil
}

// ParseSyslog reads what follows the program's name in a record of syslog.
func ParseSyslog(line string) ([]Field, error) {
	var list []Field
	for line != "" {
		name, rest, found := strings.Cut(strings.TrimPrefix(line, " "), "=")
		quoted, err := strconv.QuotedPrefix(rest)
		if !found || err != nil || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			return nil, fmt.Errorf("no field: %.80q", line)
		}
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, err
		}
		list = append(list, Field{name, value})
		line = rest[len(quoted):]
	}
	return list, nil
}
