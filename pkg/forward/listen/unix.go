package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
)

// The modes of a UNIX socket: only the user may connect, or everybody.
const (
	ownMode = 0o600
	anyMode = 0o666
)

// listenUnix makes a UNIX socket. A socket of this user's that nobody listens on is replaced: a process that was killed
// left it.
func listenUnix(ctx context.Context, path string, mode fs.FileMode) (net.Listener, error) {
	config := net.ListenConfig{Control: private}
	l, err := config.Listen(ctx, string(unixNetwork), path)
	if IsInUse(err) && !strings.HasPrefix(path, "@") {
		if err := RemoveStale(path); err != nil {
			return nil, err
		}
		l, err = config.Listen(ctx, string(unixNetwork), path)
	}
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(path, "@") {
		return l, nil
	}
	if ours, ok := l.(*net.UnixListener); ok {
		ours.SetUnlinkOnClose(false)
	}
	made, err := permit(path, mode)
	if err != nil {
		l.Close()
		return nil, err
	}
	return &unixListener{Listener: l, path: path, made: made}, nil
}

const unixNetwork = "unix"

// unixListener removes its socket, unless another file is there by then.
type unixListener struct {
	net.Listener
	path string
	made fs.FileInfo
	once sync.Once
}

func (l *unixListener) Close() error {
	err := l.Listener.Close()
	l.once.Do(func() {
		if at, err := os.Lstat(l.path); err == nil && os.SameFile(at, l.made) {
			_ = os.Remove(l.path)
		}
	})
	return err
}

// RemoveStale removes a UNIX socket that this user has made and that nobody listens on. Any other file is an error.
func RemoveStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("a file of that name exists, which is not a socket")
	case !isOwn(info):
		return errors.New("a socket of that name exists, which docker nsjoin did not make for you")
	}
	conn, err := net.Dial(unixNetwork, path)
	if err == nil {
		conn.Close()
	}
	if !isOne(err, refused) { // a program may listen, although the queue of its socket is full, or it may not be asked
		return fmt.Errorf("another program listens there: %w", syscall.EADDRINUSE)
	}
	if again, err := os.Lstat(path); err != nil || !os.SameFile(again, info) {
		return errors.New("another program uses that name")
	}
	return os.Remove(path)
}
