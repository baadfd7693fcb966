//go:build linux

package dataroot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Limits of what is read.
const (
	maxComponents = 256      // components of a path, with those of links
	maxFile       = 16 << 20 // bytes of a file; an environment in it is at most 6 MiB
)

// errUntrusted is the reason for every refusal: a user other than root could have written or placed the file.
var errUntrusted = errors.New("users other than root own it or may write to it")

// openTrusted opens a path in root with O_PATH. Every directory and symbolic link of the path, and the file
// itself, must belong to root, and nobody else may be able to write to or replace them.
func openTrusted(root *os.File, path string) (*os.File, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("%q is not an absolute path", path)
	}
	w := walk{rest: strings.Split(path, "/")}
	defer w.close()
	fd, err := unix.Openat(int(root.Fd()), ".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		w.at = []*os.File{os.NewFile(uintptr(fd), "/")}
		_, err = trusted(w.at[0])
	}
	for parts := 0; err == nil && len(w.rest) > 0; parts++ {
		if parts == maxComponents {
			return nil, fmt.Errorf("%s: %w", path, unix.ELOOP)
		}
		err = w.step()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	last := len(w.at) - 1
	found := w.at[last]
	w.at = w.at[:last]
	return found, nil
}

// walk resolves a path. It keeps each directory open.
type walk struct {
	at   []*os.File // from the root to the present directory
	rest []string   // components that are left
}

func (w *walk) close() {
	for _, f := range w.at {
		f.Close()
	}
}

// step resolves the next component.
func (w *walk) step() error {
	name := w.rest[0]
	w.rest = w.rest[1:]
	here := w.at[len(w.at)-1]
	switch name {
	case "", ".":
		return nil
	case "..":
		if len(w.at) > 1 {
			here.Close()
			w.at = w.at[:len(w.at)-1]
		}
		return nil
	}
	fd, err := unix.Openat(int(here.Fd()), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), name)
	st, err := trusted(f)
	if err != nil || st.Mode&unix.S_IFMT != unix.S_IFLNK {
		w.at = append(w.at, f)
		return err
	}
	defer f.Close()
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(f.Fd()), "", buf)
	if err != nil {
		return err
	}
	to := string(buf[:n])
	if strings.HasPrefix(to, "/") {
		for _, above := range w.at[1:] {
			above.Close()
		}
		w.at = w.at[:1]
	}
	w.rest = append(strings.Split(to, "/"), w.rest...)
	return nil
}

// trusted fails if a user other than root could change a file, or replace what is in a directory. In a sticky
// directory, such as /tmp, no other user can replace what belongs to root.
func trusted(f *os.File) (unix.Stat_t, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return st, err
	}
	var writers uint32 = unix.S_IWOTH
	if st.Gid != 0 {
		writers |= unix.S_IWGRP
	}
	kind := st.Mode & unix.S_IFMT
	sticky := kind == unix.S_IFDIR && st.Mode&unix.S_ISVTX != 0
	switch {
	case st.Uid != 0:
		return st, fmt.Errorf("%s: %w", f.Name(), errUntrusted)
	case kind == unix.S_IFLNK, kind == unix.S_IFSOCK: // a link's mode has no meaning; write permission on a socket only allows connecting
		return st, nil
	case st.Mode&writers != 0 && !sticky:
		return st, fmt.Errorf("%s: %w", f.Name(), errUntrusted)
	}
	return st, nil
}

// readTrusted reads a regular file in a directory. It follows no link and does not block.
func readTrusted(dir *os.File, name string, limit int64) ([]byte, error) {
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	st, err := trusted(f)
	switch {
	case err != nil:
		return nil, err
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, fmt.Errorf("%s: not a regular file", name)
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s: larger than %d bytes", name, limit)
	}
	return text, err
}
