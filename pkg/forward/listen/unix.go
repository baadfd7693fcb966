package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/nsjoin/docker-nsjoin/pkg/sockets/unixconn"
)

// The modes of a UNIX socket: only the user may connect, or everybody.
const (
	ownMode = 0o600
	anyMode = 0o666
)

// listenUnix makes a UNIX socket. A socket of this user's that nobody listens on is replaced: a process that was killed
// left it.
func listenUnix(ctx context.Context, path string, mode fs.FileMode) (*unixListener, error) {
	config := net.ListenConfig{Control: func(network, address string, raw syscall.RawConn) error {
		return errors.Join(private(network, address, raw), unixconn.Control(network, address, raw))
	}}
	l, err := config.Listen(ctx, unixNetwork, path)
	if IsInUse(err) && !strings.HasPrefix(path, "@") {
		if err := RemoveStale(path); err != nil {
			return nil, err
		}
		l, err = config.Listen(ctx, unixNetwork, path)
	}
	if err != nil {
		return nil, err
	}
	ours, ok := l.(*net.UnixListener)
	if !ok {
		l.Close()
		return nil, errors.ErrUnsupported
	}
	if strings.HasPrefix(path, "@") {
		return &unixListener{UnixListener: ours, path: path, mode: mode}, nil
	}
	ours.SetUnlinkOnClose(false)
	made, err := permit(path, mode)
	if err != nil {
		l.Close()
		return nil, err
	}
	return &unixListener{UnixListener: ours, path: path, mode: mode, file: made}, nil
}

const unixNetwork = "unix"

// unixListener removes its socket, unless another file is there by then.
type unixListener struct {
	*net.UnixListener
	path   string
	mode   fs.FileMode
	file   *file // nil for an abstract socket
	closed bool
}

func (l *unixListener) Close() error {
	if l.closed {
		return net.ErrClosed
	}
	l.closed = true
	l.suspend()
	if l.file != nil {
		_ = l.file.remove()
		_ = l.file.dir.Close()
	}
	return nil
}

// suspend leaves the file, whose place another user can't take then, in a directory that has the sticky bit.
func (l *unixListener) suspend() {
	unixconn.Drain(l.UnixListener)
	_ = l.UnixListener.Close()
}

// resume replaces the file. In between there is none, for a moment.
func (l *unixListener) resume(ctx context.Context) error {
	again, err := listenUnix(ctx, l.path, l.mode)
	if err != nil {
		return err
	}
	if l.file != nil {
		_ = l.file.dir.Close()
	}
	l.UnixListener, l.file = again.UnixListener, again.file
	return nil
}

// file is a file in a directory that may be another user's, who may put a link where the directory was.
type file struct {
	dir  *os.Root
	name string
	info fs.FileInfo
}

// find finds a file, which may be a link. The caller closes the directory.
func find(path string) (*file, error) {
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	f := &file{dir: dir, name: filepath.Base(path)}
	if f.info, err = dir.Lstat(f.name); err != nil {
		dir.Close()
		return nil, err
	}
	return f, nil
}

// remove removes the file, unless there is another one by then.
func (f *file) remove() error {
	if again, err := f.dir.Lstat(f.name); err != nil || !os.SameFile(again, f.info) {
		return errors.New("another program uses that name")
	}
	return f.dir.Remove(f.name)
}

// RemoveStale removes a UNIX socket that this user has made and that nobody listens on. Any other file is an error.
func RemoveStale(path string) error {
	f, err := find(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.dir.Close()
	switch {
	case f.info.Mode().Type() != fs.ModeSocket:
		return errors.New("a file of that name exists, which is not a socket")
	case !isOwn(f.info):
		return errors.New("a socket of that name exists, which docker nsjoin did not make for you")
	}
	conn, err := net.Dial(unixNetwork, path)
	if err == nil {
		conn.Close()
	}
	if !isOne(err, refused) { // a program may listen, although the queue of its socket is full, or it may not be asked
		return fmt.Errorf("another program listens there: %w", syscall.EADDRINUSE)
	}
	return f.remove()
}
