//go:build linux

// Package audittest replaces journald and syslog in tests: it listens on their sockets, and parses the
// formats that package audit writes, without using that package's code.
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

// Listener is a socket that receives records.
type Listener struct{ socket *os.File }

// Listen makes a socket at path. It creates missing directories and removes a file that is already there.
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

// Close closes the socket. Its file stays, as when journald has ended.
func (l *Listener) Close() error { return l.socket.Close() }

// Receive returns the next record and, as the kernel reports it, its sender's pid. If none arrives
// within the given time, the error is os.ErrDeadlineExceeded.
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

// sealed reads the file of a record that is too large for a datagram. Like journald, it accepts only a
// file that is sealed, so that the sender cannot change it any more.
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

// Parse parses a record of journald's protocol in which each value is preceded by its length.
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

// ParseSyslog parses what follows the program's name in a syslog record.
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
