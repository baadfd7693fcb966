//go:build linux

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// fileID identifies an open file by its fields of fstat(2).
type fileID struct {
	Dev, Ino, Rdev uint64
	Mode           uint32
}

func statFD(fd int) (fileID, bool) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return fileID{st.Dev, st.Ino, st.Rdev, st.Mode}, err == nil //nolint:unconvert // of another type elsewhere
}

func (p fileID) String() string {
	kind := map[uint32]string{
		unix.S_IFIFO: "pipe", unix.S_IFSOCK: "socket", unix.S_IFCHR: "device", unix.S_IFBLK: "disk",
		unix.S_IFREG: "file", unix.S_IFDIR: "directory", unix.S_IFLNK: "link",
	}[p.Mode&unix.S_IFMT]
	if p.Rdev != 0 {
		return fmt.Sprintf("%s %d:%d (%d on %x)", kind, unix.Major(p.Rdev), unix.Minor(p.Rdev), p.Ino, p.Dev)
	}
	return fmt.Sprintf("%s %d on %x", kind, p.Ino, p.Dev)
}

// describeFile describes what a path leads to, or returns "".
func describeFile(path string) string {
	if id, ok := statPath(path); ok {
		return id.String()
	}
	return ""
}

// statPath returns the identity of what a path leads to.
func statPath(path string) (fileID, bool) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fileID{}, false
	}
	defer unix.Close(fd)
	return statFD(fd)
}
