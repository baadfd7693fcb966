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

// Bounds of what is read.
const (
	maxParts = 256      // of a path, links followed
	maxFile  = 16 << 20 // bytes of a file; an environment is 6 MiB at most
)

// errUntrusted is the reason of every refusal: others than root could have put it there.
var errUntrusted = errors.New("it does not belong to root alone")

// open opens a path beneath root as O_PATH. Every directory and every symbolic link on the way,
// and what is at the end, belongs to root, and nobody else can write to it or replace it.
func open(root *os.File, path string) (*os.File, error) {
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
		if parts == maxParts {
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

// walk is a way through directories, which are open.
type walk struct {
	at   []*os.File // the root first
	rest []string
}

func (w *walk) close() {
	for _, f := range w.at {
		f.Close()
	}
}

// step goes to the next name.
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

// trusted fails where others than root could change a file, or replace what is in a directory.
// In a sticky directory, such as /tmp, nobody else replaces what belongs to root.
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
	case kind == unix.S_IFLNK, kind == unix.S_IFSOCK: // a link's mode means nothing; who may write to a socket may connect
		return st, nil
	case st.Mode&writers != 0 && !sticky:
		return st, fmt.Errorf("%s: %w", f.Name(), errUntrusted)
	}
	return st, nil
}

// read reads a regular file in a directory, never through a link, and waits for nobody.
func read(dir *os.File, name string, limit int64) ([]byte, error) {
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
		return nil, fmt.Errorf("%s: it is not a regular file", name)
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s: it is larger than %d bytes", name, limit)
	}
	return text, err
}
