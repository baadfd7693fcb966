package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// Cache opens a file that can be made again at any time: the version of a kind that has size bytes, in the directory
// that outlives a reboot. If it is not there, write writes it. Then other versions of the kind are removed. Nobody but
// the user can write to the directory, so the content is not checked again.
func (d Dir) Cache(kind, version string, size int64, write func(io.Writer) error) (*os.File, error) {
	root, err := d.Lasting().open(true)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	name := kind + "." + version
	if f, err := openCached(root, name, size); err == nil {
		return f, nil
	}
	removeOthers(root, kind+".", name)
	made := fmt.Sprintf("%s.%d", name, os.Getpid())
	if err := writeCached(root, made, write); err != nil {
		_ = root.Remove(made)
		return nil, err
	}
	if err := root.Rename(made, name); err != nil {
		_ = root.Remove(made)
		return nil, err
	}
	return openCached(root, name, size)
}

// openCached opens a file that was written completely.
func openCached(root *os.Root, name string, size int64) (*os.File, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() != size {
		return nil, fmt.Errorf("%s is no file of %d bytes", name, size)
	}
	return root.Open(name)
}

// writeCached writes a file to the disk, so that it is complete once it has its name.
func writeCached(root *os.Root, name string, write func(io.Writer) error) error {
	const mode = 0o400
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Sync(), f.Close())
}

// removeOthers removes the files that begin with a prefix, except one.
func removeOthers(root *os.Root, prefix, except string) {
	names, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return
	}
	for _, entry := range names {
		if name := entry.Name(); strings.HasPrefix(name, prefix) && name != except {
			_ = root.Remove(name)
		}
	}
}
