//go:build linux

package join

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// names makes the files about names in a small file system of their own and mounts each over its target, in the
// command's copy of the mounts. It is read-only from then on.
//
// A path may lead elsewhere from one moment to the next if a container's root controls it. So nothing is made by path:
// the file system is reached by its descriptor. It is at s.At only since Linux before 6.15 clones no mount that is
// nowhere.
func (c *compiler) names(s plan.Step) error {
	names := c.plan.Names
	// All other descriptors are closed by now, and a new one gets the lowest free number.
	free := c.freeDescriptors()
	settings, root, clone := free[0], free[1], free[0]
	t := &texts{c: c}
	c.call(unix.SYS_FSOPEN, t.of("tmpfs"), unix.FSOPEN_CLOEXEC)
	for _, option := range [][2]string{{"source", "nsjoin"}, {"mode", "755"}, {"size", strconv.Itoa(sizeOf(names))}} {
		c.call(unix.SYS_FSCONFIG, settings, unix.FSCONFIG_SET_STRING, t.of(option[0]), t.of(option[1]), 0)
	}
	c.call(unix.SYS_FSCONFIG, settings, unix.FSCONFIG_CMD_CREATE, 0, 0, 0)
	c.call(unix.SYS_FSMOUNT, settings, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	var mounts [][2]string
	for _, f := range names.Files {
		name := strings.ReplaceAll(strings.TrimPrefix(f.Path, "/"), "/", "-")
		c.add(writeAt, 0, root, t.of(name), t.of(f.Text), uintptr(len(f.Text)), unix.O_CREAT|unix.O_EXCL)
		mounts = append(mounts, [2]string{name, f.Path})
	}
	if len(names.Hidden) > 0 {
		const empty, mode = "empty", 0o555
		c.call(unix.SYS_MKDIRAT, root, t.of(empty), mode)
		for _, dir := range names.Hidden {
			mounts = append(mounts, [2]string{empty, dir})
		}
	}
	c.call(unix.SYS_FSCONFIG, settings, unix.FSCONFIG_SET_FLAG, t.of("ro"), 0, 0)
	c.call(unix.SYS_FSCONFIG, settings, unix.FSCONFIG_CMD_RECONFIGURE, 0, 0, 0)
	c.call(unix.SYS_CLOSE, settings)
	c.call(unix.SYS_MOVE_MOUNT, root, t.of(""), atCwd, t.of(s.At), unix.MOVE_MOUNT_F_EMPTY_PATH)
	for _, m := range mounts {
		c.call(unix.SYS_OPEN_TREE, root, t.of(m[0]), unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		c.call(unix.SYS_MOVE_MOUNT, clone, t.of(""), atCwd, t.of(m[1]), unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_SYMLINKS)
		c.call(unix.SYS_CLOSE, clone)
	}
	c.call(unix.SYS_UMOUNT2, t.of(s.At), unix.MNT_DETACH)
	c.call(unix.SYS_CLOSE, root)
	return t.err
}

// texts makes C strings and keeps the first error.
type texts struct {
	c   *compiler
	err error
}

func (t *texts) of(s string) uintptr {
	address, err := t.c.text(s)
	if err != nil && t.err == nil {
		t.err = err
	}
	return address
}

// sizeOf returns a size for a file system with the files, in bytes: each in pages of its own, and some more for
// directories.
func sizeOf(names *plan.Names) int {
	const page = 64 << 10 // the largest of all architectures
	size := page
	for _, f := range names.Files {
		size += (len(f.Text)/page + 1) * page
	}
	return size
}

// sys mounts a /sys that shows the network namespace, which the process has joined.
func (c *compiler) sys(s plan.Step) error { return c.replace("sysfs", "/sys", s) }
