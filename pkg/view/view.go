//go:build linux

// Package view makes the tree that becomes a command's root directory: it has the mount points and links of the
// container's entries, and the toolbox. It is built in a mount namespace of its own and mounted nowhere: package
// join attaches it in the command's mount namespace.
package view

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/thread"
)

// The two layers, directories of the tmpfs. An overlay without an upper layer needs two.
const (
	layer = "a"
	empty = "b"
)

// Build makes the tree of v with its programs, and returns a descriptor of its
// mount. The mount is detached: it ends with the descriptor unless it is attached. Build needs CAP_SYS_ADMIN and
// Linux 5.2.
//
// The tree is an overlay of a tmpfs that is mounted nowhere else, so no process can reach the files that the
// overlay shows by another way.
func Build(v *plan.View, from Contents) (*os.File, error) {
	var tree *os.File
	var err error
	thread.Run(func() { tree, err = build(v, from) })
	if err != nil {
		return nil, explain(fmt.Errorf("make the view: %w", err))
	}
	return tree, nil
}

// build runs on a thread that gets a mount namespace, a working directory and a umask of its own.
func build(v *plan.View, from Contents) (*os.File, error) {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return nil, fmt.Errorf("unshare: %w", err)
	}
	// What is mounted below must not appear in the namespace that this one is a copy of.
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		err = fmt.Errorf("make the mounts private: %w", err)
		if errors.Is(err, unix.EINVAL) {
			err = exit.Hint(err, "docker nsjoin's root directory is not a mount: run it outside of the chroot, or use --via engine")
		}
		return nil, err
	}
	unix.Umask(0)
	files, err := newMount("tmpfs", unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV, "mode", "0755")
	if err != nil {
		return nil, err
	}
	defer files.Close()
	// The layers of an overlay must be in the caller's mount namespace. The tmpfs is on top of / there, and reached
	// by its descriptor only.
	if err := unix.MoveMount(int(files.Fd()), "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return nil, fmt.Errorf("move_mount: %w", err)
	}
	if err := unix.Fchdir(int(files.Fd())); err != nil {
		return nil, err
	}
	if err := fill(v, from); err != nil {
		return nil, fmt.Errorf("make its files: %w", err)
	}
	flags, err := attributes(v.Flags)
	if err != nil {
		return nil, err
	}
	below := empty
	if v.Tree != "" {
		// Not what is mounted beneath it. It must be opened here, in this mount namespace.
		fd, err := unix.Open(v.Tree, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("the tree %s: %w", v.Tree, err)
		}
		defer unix.Close(fd)
		below = "/proc/self/fd/" + strconv.Itoa(fd)
	}
	return newMount("overlay", flags, "lowerdir", layer+":"+below)
}

// Clone makes the mounts of a view's clone by clone, which clones the container's mounts with attributes,
// mount_setattr(2).
func Clone(c *plan.ViewClone, clone func(attributes uint64) (*os.File, error)) (*os.File, error) {
	flags, err := attributes(c.Flags)
	if err != nil {
		return nil, err
	}
	tree, err := clone(uint64(flags))
	switch {
	case err == nil:
		return tree, nil
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL):
		err = exit.Hint(err, "--tools host needs Linux 5.14, or 5.12 with --trust-container, and this is %s", release())
	default:
		err = explain(err)
	}
	return nil, fmt.Errorf("clone the mounts of %q: %w", c.Of, err)
}

// newMount makes a detached mount of a new file system with one option.
func newMount(kind string, flags int, key, value string) (*os.File, error) {
	context, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("fsopen %s: %w", kind, err)
	}
	defer unix.Close(context)
	if err := unix.FsconfigSetString(context, key, value); err != nil {
		return nil, fmt.Errorf("fsconfig %s: %s: %w", kind, key, err)
	}
	if kind == "tmpfs" {
		// Large pages halve the time to copy a program. A kernel without them refuses the option.
		_ = unix.FsconfigSetString(context, "huge", "within_size")
	}
	if err := unix.FsconfigCreate(context); err != nil {
		return nil, fmt.Errorf("fsconfig %s: %w", kind, err)
	}
	fd, err := unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, flags)
	if err != nil {
		return nil, fmt.Errorf("fsmount %s: %w", kind, err)
	}
	return os.NewFile(uintptr(fd), kind), nil
}

// attributes returns flags of mount(8) as attributes of a mount.
func attributes(flags []string) (int, error) {
	set := 0
	for _, flag := range flags {
		switch flag {
		case "ro":
			set |= unix.MOUNT_ATTR_RDONLY
		case "nosuid":
			set |= unix.MOUNT_ATTR_NOSUID
		case "nodev":
			set |= unix.MOUNT_ATTR_NODEV
		case "noexec":
			set |= unix.MOUNT_ATTR_NOEXEC
		case "nosymfollow":
			set |= unix.MOUNT_ATTR_NOSYMFOLLOW
		default:
			return 0, fmt.Errorf("unknown flag %q", flag)
		}
	}
	return set, nil
}

// The modes of the tree's directories and programs.
const (
	dirMode     = 0o755
	programMode = 0o555
)

// fill makes the tree's files beneath the working directory. The directory is new, and links come last, so none is
// followed.
func fill(v *plan.View, from Contents) error {
	for _, dir := range directories(v) {
		if err := unix.Mkdir(dir, dirMode); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	if len(v.Tools) > 0 {
		if err := addTools(v, from.Toolbox); err != nil {
			return err
		}
	}
	for _, f := range v.Files {
		if err := addFile(layer+v.Bin, f, from); err != nil {
			return fmt.Errorf("the program %q: %w", f.Name, err)
		}
	}
	if v.Hide != "" {
		// A whiteout of overlayfs. A kernel that does not let the helper make one shows an empty directory.
		if unix.Mknod(layer+v.Hide, unix.S_IFCHR, 0) != nil {
			_ = unix.Mkdir(layer+v.Hide, dirMode)
		}
	}
	for _, m := range v.Mounts {
		if err := mountPoint(m); err != nil {
			return fmt.Errorf("a mount point for %q: %w", m.At, err)
		}
	}
	for _, l := range v.Links {
		if err := unix.Symlink(l.To, layer+l.At); err != nil {
			return fmt.Errorf("the link %q: %w", l.At, err)
		}
	}
	return nil
}

// directories returns the directories that the tree has beside the mount points.
func directories(v *plan.View) []string {
	dirs := []string{empty, layer}
	if v.Target != "" {
		dirs = append(dirs, layer+v.Target)
	}
	if v.Clone != nil {
		dirs = append(dirs, layer+v.Clone.At)
	}
	if v.Bin != "" {
		dirs = append(dirs, layer+path.Dir(v.Bin), layer+v.Bin)
	}
	return dirs
}

// mountPoint makes a directory or an empty file to mount something on.
func mountPoint(m plan.ViewMount) error {
	if dir := path.Dir(m.At); dir != "/" {
		_ = unix.Mkdir(layer+dir, dirMode) // it may be there
	}
	if m.Dir {
		return unix.Mkdir(layer+m.At, dirMode)
	}
	return unix.Mknod(layer+m.At, unix.S_IFREG, 0)
}

// explain adds a hint if the kernel is too old or does not permit it.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.ENOSYS):
		return exit.Hint(err, "a view needs Linux 5.2 or newer, and this is %s", release())
	case errors.Is(err, unix.ENODEV):
		return exit.Hint(err, "a view needs the kernel's overlay file system, which Linux %s does not have here", release())
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return exit.Hint(err, "docker nsjoin may not mount here: the engine may be rootless on a kernel before Linux 5.11 (this is %s), or a security module forbids it", release())
	}
	return err
}

// release returns the kernel's version.
func release() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(name.Release[:])
}
