//go:build linux

// Package inroot opens files inside a container's root directory from outside. The file system is hostile
// input, since the container's root user controls it: no path leads out of the root, and opening a file never
// blocks or triggers anything.
package inroot

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// OpenPath opens a path inside root with O_PATH, open(2): the result can be examined and reopened, but not
// read. Symbolic links are resolved as if root were /, by openat2(2) of Linux 5.6.
//
// If something is renamed or mounted anywhere on the machine meanwhile, the kernel cannot resolve a ".." safely
// and returns EAGAIN. OpenPath then retries, up to a limit.
func OpenPath(root *os.File, path string) (*os.File, error) { return openPath(root, path, 0) }

// OpenPathNoFollow is like OpenPath, but does not follow a symbolic link at the end of the path: it opens the link
// itself, even if it is dangling.
func OpenPathNoFollow(root *os.File, path string) (*os.File, error) {
	return openPath(root, path, unix.O_NOFOLLOW)
}

// OpenWithoutLinks is like OpenPathNoFollow, but returns ELOOP if a directory of the path is a symbolic link.
func OpenWithoutLinks(root *os.File, path string) (*os.File, error) {
	return open(root, path, unix.O_NOFOLLOW, unix.RESOLVE_NO_SYMLINKS)
}

// OpenDirWithoutLinks is like OpenWithoutLinks, but opens only directories. For other files it returns ENOTDIR or
// ELOOP.
func OpenDirWithoutLinks(root *os.File, path string) (*os.File, error) {
	return open(root, path, unix.O_NOFOLLOW|unix.O_DIRECTORY, unix.RESOLVE_NO_SYMLINKS)
}

func openPath(root *os.File, path string, flags uint64) (*os.File, error) {
	return open(root, path, flags, unix.RESOLVE_NO_MAGICLINKS)
}

func open(root *os.File, path string, flags, resolve uint64) (*os.File, error) {
	how := &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC | flags, Resolve: unix.RESOLVE_IN_ROOT | resolve}
	fd, err := unix.Openat2(int(root.Fd()), path, how)
	for try := 0; errors.Is(err, unix.EAGAIN) && try < tries; try++ {
		fd, err = unix.Openat2(int(root.Fd()), path, how)
	}
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("openat2: %w", err) // not about this file
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// tries is how often EAGAIN is retried.
const tries = 128

// Reopen opens what OpenPath found. The caller must have checked what it is. If a process has a lease on the file,
// fcntl(2), Reopen fails with EAGAIN: it never waits. An error names the path that OpenPath got.
func Reopen(at *os.File, flags int) (*os.File, error) {
	link := "/proc/self/fd/" + strconv.Itoa(int(at.Fd()))
	f, err := os.OpenFile(link, flags|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if failed, ok := errors.AsType[*os.PathError](err); ok {
		failed.Path = at.Name()
	}
	return f, err
}

// OpenRegular opens a file inside root for reading if Regular accepts it. Anything else is refused unopened.
func OpenRegular(root *os.File, path string) (*os.File, error) {
	at, err := OpenPath(root, path)
	if err != nil {
		return nil, err
	}
	defer at.Close()
	if err := Regular(at); err != nil {
		return nil, err
	}
	return Reopen(at, unix.O_RDONLY)
}

// Regular returns an error, which says what f is, if f is not a regular file or is one that the kernel
// generates. A container can link its /etc/passwd to such a file: /proc/kmsg is regular, but is the host's log,
// and reading it blocks and removes lines.
//
// If f is on a FUSE file system the kernel asks the file system's server. Like every lookup there, this can
// block until a signal ends the process.
func Regular(f *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return fmt.Errorf("not a regular file but %s", describe(st.Mode&unix.S_IFMT))
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil {
		return err
	}
	if pseudo(uint32(fs.Type)) {
		return errors.New("not an ordinary file: the kernel generates it, like those in /proc and /sys")
	}
	return nil
}

// pseudo reports whether a file system, given its number in statfs(2), stores no files but shows the kernel's
// data. The numbers are from include/uapi/linux/magic.h and the file systems' sources.
func pseudo(magic uint32) bool {
	const (
		mqueue   = 0x19800202
		configfs = 0x62656570
		fusectl  = 0x65735543
		nfsd     = 0x6e667364
		rpcPipe  = 0x67596969
		dax      = 0x64646178
		binder   = unix.BINDERFS_SUPER_MAGIC
	)
	switch magic {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, unix.SECURITYFS_MAGIC,
		unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC, unix.RDTGROUP_SUPER_MAGIC, unix.DEVPTS_SUPER_MAGIC,
		unix.BINFMTFS_MAGIC, unix.BPF_FS_MAGIC, unix.SELINUX_MAGIC, unix.SMACK_MAGIC, unix.AAFS_MAGIC,
		unix.PSTOREFS_MAGIC, unix.EFIVARFS_MAGIC, unix.NSFS_MAGIC, unix.SOCKFS_MAGIC, unix.PIPEFS_MAGIC,
		unix.ANON_INODE_FS_MAGIC, unix.BDEVFS_MAGIC, unix.OPENPROM_SUPER_MAGIC, unix.XENFS_SUPER_MAGIC,
		mqueue, configfs, fusectl, nfsd, rpcPipe, dax, binder:
		return true
	}
	return false
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
