package stat

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// birth returns when a file was made, if the file system knows it.
func birth(letter byte, path string) string {
	var s unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BTIME, &s)
	known := err == nil && s.Mask&unix.STATX_BTIME != 0
	switch {
	case letter == 'W' && known:
		return strconv.FormatInt(s.Btime.Sec, 10)
	case letter == 'W':
		return "0"
	case known:
		return time.Unix(s.Btime.Sec, int64(s.Btime.Nsec)).Format("2006-01-02 15:04:05.000000000 -0700")
	}
	return "-"
}

// unescaped replaces the escape sequences of stat --printf and of find's -printf.
func unescaped(text string) string {
	return strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t", `\r`, "\r", `\a`, "\a", `\0`, "\x00", `\"`, `"`).Replace(text)
}

// systems are the names of file systems by their magic numbers, in statfs(2).
var systems = map[uint32]string{
	unix.EXT4_SUPER_MAGIC: "ext2/ext3", unix.TMPFS_MAGIC: "tmpfs", unix.OVERLAYFS_SUPER_MAGIC: "overlayfs", unix.PROC_SUPER_MAGIC: "proc",
	unix.SYSFS_MAGIC: "sysfs", unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs", unix.DEVPTS_SUPER_MAGIC: "devpts",
	unix.CGROUP_SUPER_MAGIC: "cgroupfs", unix.CGROUP2_SUPER_MAGIC: "cgroup2fs", unix.NFS_SUPER_MAGIC: "nfs", unix.RAMFS_MAGIC: "ramfs",
	unix.SQUASHFS_MAGIC: "squashfs", unix.NSFS_MAGIC: "nsfs", unix.BPF_FS_MAGIC: "bpf_fs", unix.SECURITYFS_MAGIC: "securityfs",
	unix.DEBUGFS_MAGIC: "debugfs", unix.TRACEFS_MAGIC: "tracefs", unix.HUGETLBFS_MAGIC: "hugetlbfs", unix.FUSE_SUPER_MAGIC: "fuseblk",
	unix.EROFS_SUPER_MAGIC_V1: "erofs", unix.PSTOREFS_MAGIC: "pstorefs", unix.ISOFS_SUPER_MAGIC: "isofs", unix.MSDOS_SUPER_MAGIC: "msdos",
	0x19800202: "mqueue", 0x2fc12fc1: "zfs", 0xff534d42: "cifs", 0x01021997: "v9fs", 0x65735543: "fusectl",
}

// statSystem prints what is known of a file system.
func statSystem(path, format, end string, terse bool) error {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	switch {
	case format != "":
	case terse:
		format, end = "%n %i %l %t %s %S %b %f %a %c %d", "\n"
	default:
		format, end = "  File: \"%n\"\n    ID: %-8i Namelen: %-7l Type: %T\nBlock size: %-10s Fundamental block size: %S\n"+
			"Blocks: Total: %-10b Free: %-10f Available: %a\nInodes: Total: %-10c Free: %d", "\n"
	}
	tool.Print(expand(format, func(letter byte) string { return statfsField(letter, path, &s) }) + end)
	return nil
}

func statfsField(letter byte, path string, s *unix.Statfs_t) string {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	switch letter {
	case '%':
		return "%"
	case 'n':
		return tool.Printable(path)
	case 'a':
		return number(s.Bavail)
	case 'b':
		return number(s.Blocks)
	case 'c':
		return number(s.Files)
	case 'd':
		return number(s.Ffree)
	case 'f':
		return number(s.Bfree)
	case 'i':
		return fmt.Sprintf("%x", uint64(uint32(s.Fsid.Val[0]))<<32|uint64(uint32(s.Fsid.Val[1])))
	case 'l':
		return number(uint64(s.Namelen))
	case 's':
		return number(uint64(s.Bsize))
	case 'S':
		return number(uint64(s.Frsize))
	case 't':
		return fmt.Sprintf("%x", uint32(s.Type))
	case 'T':
		if name := systems[uint32(s.Type)]; name != "" {
			return name
		}
		return fmt.Sprintf("UNKNOWN (0x%x)", uint32(s.Type))
	}
	return "?"
}
