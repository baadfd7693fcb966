//go:build linux

// Package inroot opens files beneath a container's root from outside. The
// container's root user is hostile and its file system is his input: a path
// never leads out of the root, and opening never waits or acts.
package inroot

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Look opens a path inside root without touching what is there: the result can
// be looked at and reopened (O_PATH, open(2)), not read. Symbolic links are
// followed as if root were /, by openat2(2) of Linux 5.6.
//
// Where anything on the machine is renamed or mounted meanwhile, the kernel can't
// be sure of a "..", and says EAGAIN: then it is asked again, but not for ever.
func Look(root *os.File, path string) (*os.File, error) { return look(root, path, 0) }

// LookAtLink is Look, but for a symbolic link at the end of the path: it is looked at
// itself, whether or not it leads anywhere.
func LookAtLink(root *os.File, path string) (*os.File, error) {
	return look(root, path, unix.O_NOFOLLOW)
}

func look(root *os.File, path string, flags uint64) (*os.File, error) {
	how := &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC | flags,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	}
	fd, err := unix.Openat2(int(root.Fd()), path, how)
	for try := 0; errors.Is(err, unix.EAGAIN) && try < tries; try++ {
		fd, err = unix.Openat2(int(root.Fd()), path, how)
	}
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("openat2: %w", err) // which isn't about the file
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// tries is how often EAGAIN is answered by another try.
const tries = 128

// Reopen opens what Look found. The caller has checked what it is.
func Reopen(at *os.File, flags int) (*os.File, error) {
	link := "/proc/self/fd/" + strconv.Itoa(int(at.Fd()))
	return os.OpenFile(link, flags|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
}

// OpenRegular opens a regular file inside root for reading, and refuses
// anything else, unopened.
func OpenRegular(root *os.File, path string) (*os.File, error) {
	at, err := Look(root, path)
	if err != nil {
		return nil, err
	}
	defer at.Close()
	if err := Regular(at); err != nil {
		return nil, err
	}
	return Reopen(at, unix.O_RDONLY)
}

// Regular fails, and says what it is, where f is not a regular file.
func Regular(f *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return fmt.Errorf("it is not a regular file but %s", describe(st.Mode&unix.S_IFMT))
	}
	return nil
}

func describe(format uint32) string {
	switch format {
	case unix.S_IFDIR:
		return "a directory"
	case unix.S_IFIFO:
		return "a FIFO"
	case unix.S_IFSOCK:
		return "a socket"
	case unix.S_IFCHR, unix.S_IFBLK:
		return "a device"
	}
	return "something else"
}
