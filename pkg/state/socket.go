package state

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
)

// socketSuffix ends the name of the UNIX socket that belongs to a record.
const socketSuffix = ".sock"

// Listen makes a UNIX socket beside the record, through which other calls of this user reach the process that holds the
// record. Remove removes it; the caller closes the listener first.
func (r *Record) Listen() (net.Listener, error) {
	path, done, err := socketPath(r.root, r.path+socketSuffix)
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("socket in %s: %w", r.root.Name(), withoutAddress(err))
	}
	if made, ok := l.(*net.UnixListener); ok {
		made.SetUnlinkOnClose(false)
	}
	return l, nil
}

// Dial connects to the socket beside a record.
func (d Dir) Dial(kind Kind, name string) (net.Conn, error) {
	root, err := d.open(false)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	path, done, err := socketPath(root, string(kind)+separator+name+socketSuffix)
	if err != nil {
		return nil, err
	}
	defer done()
	return net.Dial("unix", path)
}

// socketPath returns a path of a socket that is short enough for its address, unix(7). It is valid until done is
// called.
func socketPath(root *os.Root, file string) (path string, done func(), err error) {
	const longest = 100
	path = filepath.Join(root.Name(), file)
	if len(path) <= longest || runtime.GOOS != "linux" {
		return path, func() {}, nil
	}
	dir, err := root.Open(".")
	if err != nil {
		return "", nil, withoutPath(err)
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), file), func() { dir.Close() }, nil
}

// withoutAddress returns err without the address, which the caller names.
func withoutAddress(err error) error {
	if failed, ok := errors.AsType[*net.OpError](err); ok {
		return failed.Err
	}
	return err
}
