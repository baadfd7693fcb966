package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxFile is the largest file that ReadFile reads, in bytes.
const maxFile = 1 << 20

// ReadFile reads a file of the state directory; nil if there is none.
func (d Dir) ReadFile(name string) ([]byte, error) {
	root, err := d.open(false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// WriteFile replaces a file of the state directory.
func (d Dir) WriteFile(name string, content []byte) error {
	root, err := d.open(true)
	if err != nil {
		return err
	}
	defer root.Close()
	made := fmt.Sprintf("%s.%d", name, os.Getpid())
	if err := root.WriteFile(made, content, 0o600); err != nil {
		return withoutPath(err)
	}
	if err := root.Rename(made, name); err != nil {
		_ = root.Remove(made)
		return withoutPath(err)
	}
	return nil
}
