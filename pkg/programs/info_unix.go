//go:build unix

package programs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// statAt returns what is at a path, without following a link. Not os.Lstat: the times in its result make the helper
// 90 KB larger.
func statAt(path string) (info, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return info{}, &os.PathError{Op: "lstat", Path: path, Err: err}
	}
	return infoOf(&st), nil
}

// statOf returns what an open file is.
func statOf(f *os.File) (info, error) {
	var st unix.Stat_t
	err := unix.Fstat(int(f.Fd()), &st)
	return infoOf(&st), err
}

func infoOf(st *unix.Stat_t) info {
	const mayExecute = 0o111
	format := uint32(st.Mode) & unix.S_IFMT //nolint:unconvert // of 16 bits on macOS
	return info{
		regular: format == unix.S_IFREG, link: format == unix.S_IFLNK, dir: format == unix.S_IFDIR,
		executable: st.Mode&mayExecute != 0, size: st.Size, dev: uint64(st.Dev), ino: uint64(st.Ino), //nolint:unconvert,gosec // differ by system
	}
}

// open opens a file for reading. It does not wait for a FIFO.
func open(path string, links following) (*os.File, error) {
	flags := unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	if links != everyLink {
		flags |= unix.O_NOFOLLOW
	}
	openIt := unix.Open
	if links == noLink {
		openIt = openWithoutLinks
	}
	fd, err := openIt(path, flags, 0)
	if links == noLink && errors.Is(err, unix.ELOOP) {
		err = ErrLink
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}
