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

// OpenRegular opens a file inside root for reading that Regular accepts, and refuses
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

// Regular fails, and says what it is, where f is not a regular file, or is one that the
// kernel makes up when it is read. A container can link its /etc/passwd to such a file:
// /proc/kmsg is regular, is the host's log, and reading it waits and takes lines away.
//
// Where f is on a FUSE file system the kernel asks its server. Like every look-up there,
// that can wait until a signal ends the process.
func Regular(f *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return fmt.Errorf("it is not a regular file but %s", describe(st.Mode&unix.S_IFMT))
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil {
		return err
	}
	if pseudo(uint32(fs.Type)) {
		return errors.New("it is a file of the kernel's, such as those in /proc and /sys")
	}
	return nil
}

// pseudo tells whether a file system, by its number in statfs(2), has no files of its
// own but shows what the kernel holds. The numbers are those of include/uapi/linux/magic.h
// and of the file systems' sources.
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
