package launch

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Silent says which file system that a command of r, a resolved request, is about to ask may not answer: a process that
// has asked it may never end, not even by SIGKILL. It is "" if all of them are this machine's own. The file systems
// themselves are not asked.
func Silent(r *request.Request) string {
	source := r.Source(ns.Mnt)
	if source.From == request.FromHost || source.PID == 0 {
		if r.Names == nil || !r.Names.Files {
			return ""
		}
		source = r.Names.Source
	}
	return SilentMount(source.PID)
}

// SilentMount does what Silent documents for the mount namespace of a process. It joins the namespace for that: what the
// process shows lacks what cannot be reached from its root directory, which it may have changed by chroot(2).
func SilentMount(pid int) string {
	const unread = "its mounts cannot be read"
	if isOwnMounts(pid) {
		return "" // a command on the host's file system, which is the caller's own
	}
	namespace, err := mountsOf(pid)
	if st, e := procfs.ReadStat(pid); err != nil && (e != nil || st.Dead()) {
		return "" // the process has ended, as the helper will say
	}
	if err != nil {
		return unread
	}
	defer namespace.Close()
	f, err := inroot.MountsOfNamespace(namespace)
	if err != nil {
		return unread
	}
	defer f.Close()
	found, hasRoot := "", false
	err = procfs.ReadLines(f, "", func(line string) bool {
		before, after, _ := strings.Cut(line, " - ")
		const device, path = 2, 4
		fields, system := strings.Fields(before), strings.Fields(after)
		if len(fields) <= path || len(system) == 0 {
			return true
		}
		hasRoot = hasRoot || fields[path] == "/"
		if !answers(fields[path], system, func() bool { return isMountedHere(fields[device]) }) {
			found = system[0] + " at " + fields[path]
		}
		return found == ""
	})
	if err != nil || found == "" && !hasRoot {
		return unread
	}
	return found
}

// mountsOf opens the mount namespace of a process. If its main thread has ended, only the others have it.
func mountsOf(pid int) (namespace *os.File, err error) {
	dir := "/proc/" + strconv.Itoa(pid)
	if namespace, err = os.Open(dir + "/ns/mnt"); !errors.Is(err, fs.ErrNotExist) {
		return namespace, err
	}
	const most = 1024
	looked := 0
	_ = procfs.EachNumber(dir+"/task", func(tid int) bool {
		looked++
		namespace, err = os.Open(dir + "/task/" + strconv.Itoa(tid) + "/ns/mnt")
		return err != nil && looked < most
	})
	return namespace, err
}

func isOwnMounts(pid int) bool {
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return false
	}
	its, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/mnt")
	return err == nil && own == its
}

// isMountedHere reports whether a file system, by its device in mountinfo, is mounted in this process's mount namespace. One
// that a container has mounted is not, whatever name it gave to its type.
func isMountedHere(device string) bool {
	dir, err := procfs.Open(os.Getpid())
	if err != nil {
		return false
	}
	defer dir.Close()
	found := false
	err = procfs.ReadLines(dir, "mountinfo", func(line string) bool {
		fields := strings.Fields(line)
		found = len(fields) > 2 && fields[2] == device //nolint:mnd // after the mount's number and its parent's
		return !found
	})
	return err == nil && found
}

// answers reports whether a file system answers without a server, or its server is the engine's own. system has its type,
// source and options of mountinfo; isHere reports whether this machine has mounted it outside of the container.
func answers(path string, system []string, isHere func() bool) bool {
	switch system[0] {
	case "fuse.fuse-overlayfs", "aufs": // storage drivers
		return path == "/" && isHere()
	case "autofs": // systemd's for binfmt_misc is in each procfs of the host's that a container has; it is never asked
		return strings.HasSuffix(path, "/sys/fs/binfmt_misc") && isHere()
	case "ecryptfs": // its files are on another file system
		return isHere()
	case "overlay":
		return len(system) > 2 && hasLayersOfEngine(system[2]) //nolint:mnd // its options
	}
	return slices.Contains(localTypes(), system[0])
}

// localTypes are the types of file systems that are on a disk of this machine, or in the kernel.
func localTypes() []string {
	return []string{
		"bcachefs", "binder", "binfmt_misc", "bpf", "btrfs", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs",
		"efivarfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fusectl", "hugetlbfs", "iso9660", "jfs", "mqueue",
		"nfsd", "nilfs2", "nsfs", "ntfs3", "proc", "pstore", "ramfs", "reiserfs", "resctrl", "rootfs", "rpc_pipefs",
		"securityfs", "selinuxfs", "squashfs", "sysfs", "tmpfs", "tracefs", "udf", "vfat", "xfs", "zfs",
	}
}

// hasLayersOfEngine reports whether the lower layers of an overlay are where Docker, containerd and Podman keep layers on a
// disk. Snapshotters that fetch files when they are read have other directories.
func hasLayersOfEngine(options string) bool {
	found := false
	for option := range strings.SplitSeq(options, ",") {
		name, dirs, _ := strings.Cut(option, "=")
		if name != "lowerdir" && name != "lowerdir+" && name != "datadir+" {
			continue
		}
		for dir := range strings.SplitSeq(dirs, ":") {
			if dir == "" { // of "::", in front of layers that have data only
				continue
			}
			found = true
			if !isLayerOfEngine(dir) {
				return false
			}
		}
	}
	return found
}

func isLayerOfEngine(dir string) bool {
	for _, kept := range []string{"/overlay2/", "/io.containerd.snapshotter.v1.overlayfs/snapshots/", "/overlay/l/"} {
		if strings.Contains(dir, kept) {
			return true
		}
	}
	number, isRelative := strings.CutSuffix(dir, "/fs") // containerd makes long names relative to its own directory
	return strings.HasPrefix(dir, "l/") || isRelative && strings.Trim(number, "0123456789") == ""
}
