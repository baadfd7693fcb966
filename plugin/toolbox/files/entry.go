package files

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// entry is a file by its name in an open directory. Tools that walk through directories handle files by it and not by
// path: a process of the container can swap a directory on the way for a link at any moment.
type entry struct {
	dir  *os.File // nil for an argument, which is found from the working directory
	name string
	path string // for messages
}

func argument(path string) entry { return entry{nil, path, path} }

func (e entry) at() int {
	if e.dir == nil {
		return unix.AT_FDCWD
	}
	return int(e.dir.Fd())
}

func (e entry) failed(op string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: op, Path: e.path, Err: err}
}

func (e entry) lstat() (s unix.Stat_t, err error) {
	return s, e.failed("lstat", unix.Fstatat(e.at(), e.name, &s, unix.AT_SYMLINK_NOFOLLOW))
}

func isDirectory(s unix.Stat_t) bool { return s.Mode&unix.S_IFMT == unix.S_IFDIR }

// stat is lstat with the type of package os, or with follow its stat.
func (e entry) stat(follow bool) (fs.FileInfo, error) {
	flags := unix.O_PATH
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	file, err := e.file(flags, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return file.Stat()
}

// file opens a file.
func (e entry) file(flags int, mode fs.FileMode) (*os.File, error) {
	for {
		fd, err := unix.Openat(e.at(), e.name, flags|unix.O_CLOEXEC, uint32(mode.Perm()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, e.failed("open", err)
		}
		return os.NewFile(uintptr(fd), e.path), nil
	}
}

// regular opens a regular file to read it, as tool.OpenRegular does.
func (e entry) regular(follow bool) (*os.File, error) {
	flags := unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	file, err := e.file(flags, 0)
	if err != nil {
		return nil, err
	}
	return tool.Regular(file)
}

// open opens a directory. Without follow, the entry must not be a link.
func (e entry) open(follow bool) (*os.File, error) {
	flags := unix.O_RDONLY | unix.O_DIRECTORY
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	return e.file(flags, 0)
}

func (e entry) readlink() (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(e.at(), e.name, buf)
	return string(buf[:max(n, 0)]), e.failed("readlink", err)
}

func (e entry) times(access, modification int64, follow bool) error {
	times := []unix.Timespec{unix.NsecToTimespec(access), unix.NsecToTimespec(modification)}
	return e.failed("utimensat", unix.UtimesNanoAt(e.at(), e.name, times, unfollowed(follow)))
}

// entries returns what is in an open directory, in order.
func entries(dir *os.File) ([]entry, error) {
	names, err := dir.Readdirnames(-1)
	slices.Sort(names)
	list := make([]entry, len(names))
	for i, name := range names {
		list[i] = entry{dir, name, strings.TrimSuffix(dir.Name(), "/") + "/" + name}
	}
	return list, err
}

// walk calls do for a file and for all beneath it, a directory first. It follows no link. With fs.SkipDir, do leaves out
// what is in a directory.
func (e entry) walk(do func(entry) error, fail func(error)) {
	err := do(e)
	if errors.Is(err, fs.SkipDir) {
		return
	}
	if err != nil {
		fail(err)
	}
	if s, err := e.lstat(); err != nil || !isDirectory(s) {
		return
	}
	dir, err := e.open(false)
	if err != nil {
		fail(err)
		return
	}
	defer dir.Close()
	list, err := entries(dir)
	if err != nil {
		fail(err)
	}
	for _, below := range list {
		below.walk(do, fail)
	}
}

// remove removes a file, or an empty directory.
func (e entry) remove(directory bool) error {
	flags := 0
	if directory {
		flags = unix.AT_REMOVEDIR
	}
	return e.failed("remove", unix.Unlinkat(e.at(), e.name, flags))
}

func (e entry) chown(uid, gid int, follow bool) error {
	return e.failed("chown", unix.Fchownat(e.at(), e.name, uid, gid, unfollowed(follow)))
}

func unfollowed(follow bool) int {
	if follow {
		return 0
	}
	return unix.AT_SYMLINK_NOFOLLOW
}

// chmod changes a mode. Without follow, the file must not be a link; before Linux 6.6 only /proc allows that.
func (e entry) chmod(mode uint32, follow bool) error {
	if follow {
		return e.failed("chmod", unix.Fchmodat(e.at(), e.name, mode, 0))
	}
	err := unix.Fchmodat(e.at(), e.name, mode, unix.AT_SYMLINK_NOFOLLOW)
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EPERM) { // EPERM: a seccomp filter that does not know it
		return e.failed("chmod", err)
	}
	fd, err := unix.Openat(e.at(), e.name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return e.failed("open", err)
	}
	defer unix.Close(fd)
	var s unix.Stat_t
	if err = unix.Fstat(fd, &s); err == nil && s.Mode&unix.S_IFMT == unix.S_IFLNK {
		err = unix.ELOOP
	}
	if err == nil {
		err = unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), mode)
	}
	return e.failed("chmod", err)
}
