// Package walk goes through directories by descriptors. Tools do it in no other way: a process of the container can swap a
// directory on the way for a link at any moment, and a path would then lead out of the tree that the user named.
package walk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Entry is a file by its name in an open directory. Its methods return errors with its path, of the type fs.PathError.
type Entry struct {
	Dir  *Dir // nil for an argument, which is found from the working directory
	Name string
}

// Argument returns the entry of a path that the user named.
func Argument(path string) Entry { return Entry{nil, path} }

// Path returns the path for messages. It is made anew each time: in a deep tree, paths kept would take much memory.
func (e Entry) Path() string {
	argument, below := e.split()
	if below == "" {
		return argument
	}
	return strings.TrimRight(argument, "/") + "/" + below
}

// Below returns the path from the argument, which is empty for the argument itself.
func (e Entry) Below() string {
	_, below := e.split()
	return below
}

func (e Entry) split() (argument, below string) {
	var names []string
	for e.Dir != nil {
		if e.Name != "." {
			names = append(names, e.Name)
		}
		e = e.Dir.entry
	}
	var out strings.Builder
	for i, name := range slices.Backward(names) {
		out.WriteString(name)
		if i > 0 {
			out.WriteByte('/')
		}
	}
	return e.Name, out.String()
}

// Failed adds the path to an error of the system.
func (e Entry) Failed(op string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: e.Path(), Err: err}
}

func (e Entry) at() int {
	if e.Dir == nil {
		return unix.AT_FDCWD
	}
	return e.Dir.fd
}

// Stat describes the file, or with follow the file that a link leads to.
func (e Entry) Stat(follow bool) (s unix.Stat_t, err error) {
	for {
		err = unix.Fstatat(e.at(), e.Name, &s, unfollowed(follow))
		if !errors.Is(err, unix.EINTR) {
			return s, e.Failed("stat", err)
		}
	}
}

// Kind returns the kind of a file, such as unix.S_IFDIR.
func Kind(s *unix.Stat_t) uint32 { return s.Mode & unix.S_IFMT }

// Open opens the file.
func (e Entry) Open(flags int, mode fs.FileMode) (*os.File, error) {
	fd, err := e.open(flags, mode)
	if err != nil {
		return nil, e.Failed("open", err)
	}
	return os.NewFile(uintptr(fd), e.Path()), nil
}

func (e Entry) open(flags int, mode fs.FileMode) (int, error) {
	for {
		fd, err := unix.Openat(e.at(), e.Name, flags|unix.O_CLOEXEC, uint32(mode.Perm()))
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// Regular opens a regular file to read it. A FIFO that has the name by now is not waited for, and a device is not read:
// a container can replace its files at any moment.
func (e Entry) Regular(follow bool) (*os.File, error) {
	flags := unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	file, err := e.Open(flags, 0)
	if err != nil {
		return nil, err
	}
	return tool.Regular(file)
}

// Readlink returns where a link leads.
func (e Entry) Readlink() (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(e.at(), e.Name, buf)
	return string(buf[:max(n, 0)]), e.Failed("readlink", err)
}

// Symlink makes a link to the target.
func (e Entry) Symlink(target string) error {
	return e.Failed("symlink", unix.Symlinkat(target, e.at(), e.Name))
}

// Link makes the entry another name of a file, which is not followed if it is a link.
func (e Entry) Link(file Entry) error {
	return e.Failed("link", unix.Linkat(file.at(), file.Name, e.at(), e.Name, 0))
}

// Rename gives the file another name in its directory.
func (e Entry) Rename(name string) error {
	return e.Failed("rename", unix.Renameat(e.at(), e.Name, e.at(), name))
}

// Mkdir makes a directory.
func (e Entry) Mkdir(mode uint32) error { return e.Failed("mkdir", unix.Mkdirat(e.at(), e.Name, mode)) }

// Mknod makes a device, a FIFO or a socket.
func (e Entry) Mknod(mode uint32, device int) error {
	return e.Failed("mknod", unix.Mknodat(e.at(), e.Name, mode, device))
}

// Access reports whether the file may be read, written or executed, as access(2) does.
func (e Entry) Access(mode uint32) bool { return unix.Faccessat(e.at(), e.Name, mode, 0) == nil }

// Times sets the times of access and of change, in nanoseconds since 1970.
func (e Entry) Times(access, change int64, follow bool) error {
	times := []unix.Timespec{unix.NsecToTimespec(access), unix.NsecToTimespec(change)}
	return e.Failed("utimensat", unix.UtimesNanoAt(e.at(), e.Name, times, unfollowed(follow)))
}

// Remove removes a file, or an empty directory.
func (e Entry) Remove(directory bool) error {
	flags := 0
	if directory {
		flags = unix.AT_REMOVEDIR
	}
	return e.Failed("remove", unix.Unlinkat(e.at(), e.Name, flags))
}

// Chown changes owner and group; -1 leaves one as it is.
func (e Entry) Chown(uid, gid int, follow bool) error {
	return e.Failed("chown", unix.Fchownat(e.at(), e.Name, uid, gid, unfollowed(follow)))
}

func unfollowed(follow bool) int {
	if follow {
		return 0
	}
	return unix.AT_SYMLINK_NOFOLLOW
}

// Chmod changes a mode. Without follow, the file must not be a link; before Linux 6.6 only /proc allows that.
func (e Entry) Chmod(mode uint32, follow bool) error {
	if follow {
		return e.Failed("chmod", unix.Fchmodat(e.at(), e.Name, mode, 0))
	}
	err := unix.Fchmodat(e.at(), e.Name, mode, unix.AT_SYMLINK_NOFOLLOW)
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EPERM) { // EPERM: a seccomp filter that does not know it
		return e.Failed("chmod", err)
	}
	fd, err := e.open(unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return e.Failed("open", err)
	}
	defer unix.Close(fd)
	var s unix.Stat_t
	if err = unix.Fstat(fd, &s); err == nil && Kind(&s) == unix.S_IFLNK {
		err = unix.ELOOP
	}
	if err == nil {
		err = unix.Chmod(tool.Proc("fd/"+strconv.Itoa(fd)), mode)
	}
	if errors.Is(err, unix.ELOOP) && (Kind(&s) == unix.S_IFREG || Kind(&s) == unix.S_IFDIR) { // links in /proc are not followed
		err = e.chmodOpened(&s, mode)
	}
	return e.Failed("chmod", err)
}

// chmodOpened changes the mode of a file that can be read.
func (e Entry) chmodOpened(was *unix.Stat_t, mode uint32) error {
	fd, err := e.open(unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil {
		return err
	}
	if Identity(&s) != Identity(was) {
		return ErrMoved
	}
	return unix.Fchmod(fd, mode)
}

// RenameTo gives the file the name of another entry.
func (e Entry) RenameTo(to Entry) error {
	return e.Failed("rename", unix.Renameat(e.at(), e.Name, to.at(), to.Name))
}

// Quoted returns the path without control characters.
func (e Entry) Quoted() string { return tool.Printable(e.Path()) }

// Errorf returns an error that begins with the path.
func (e Entry) Errorf(text string) error { return fmt.Errorf("%s: %s", e.Quoted(), text) }
