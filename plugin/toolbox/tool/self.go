package tool

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Proc returns the path of one of the process's own files in /proc. /proc/self is a link, and with a profile the kernel
// follows no link there.
func Proc(name string) string { return "/proc/" + strconv.Itoa(os.Getpid()) + "/" + name }

// Open opens a file to read it, like OpenFile.
func Open(path string) (*os.File, error) { return OpenFile(path, os.O_RDONLY, 0) }

// OpenFile is os.OpenFile, also for /dev/stdin and its like with a profile: these are links in /proc, which are not
// followed then.
func OpenFile(path string, flags int, mode os.FileMode) (*os.File, error) {
	file, err := os.OpenFile(path, flags, mode)
	if err == nil || !errors.Is(err, unix.ELOOP) {
		return file, err
	}
	number, ok := strings.CutPrefix(path, "/dev/fd/")
	if !ok {
		number, ok = strings.CutPrefix(path, "/proc/self/fd/")
	}
	if at := slices.Index([]string{"/dev/stdin", "/dev/stdout", "/dev/stderr"}, path); at >= 0 {
		number, ok = strconv.Itoa(at), true
	}
	fd, failed := strconv.Atoi(number)
	if !ok || failed != nil {
		return nil, err
	}
	if fd, failed = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); failed != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: failed}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// Self returns the path of the toolbox's own program. With "sh" as its first argument it is a shell: a container's
// /bin/sh may lead to any program of the container's, and there may be none.
func Self() string {
	exe := Proc("exe")
	path, err := os.Readlink(exe)
	if err != nil || !filepath.IsAbs(path) {
		return exe
	}
	named, err := os.Stat(path)
	if err != nil {
		return exe
	}
	if own, err := os.Stat(exe); err == nil && !os.SameFile(own, named) {
		return exe
	}
	return path
}
