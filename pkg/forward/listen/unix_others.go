//go:build !linux

package listen

import (
	"io/fs"
	"os"
	"syscall"
)

// private does nothing: on these systems a UNIX socket has no mode before it has a name.
func private(string, string, syscall.RawConn) error { return nil }

// permit gives a socket's file its mode, and returns it.
func permit(path string, mode fs.FileMode) (*file, error) {
	if err := os.Chmod(path, mode); err != nil {
		return nil, err
	}
	return find(path)
}
