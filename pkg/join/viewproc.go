//go:build linux

package join

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/thread"
)

// procLinks are the links of /proc that lead nowhere else than to the process's own directory there.
func procLinks() []string { return []string{"mounts", "net", "self", "thread-self"} }

// closeProc forbids to follow links in every procfs that the child sees, whose directory in the helper's /proc is dir. The
// links of processes (root, cwd, exe, fd) lead to the container's own mounts, where its programs can be executed, and the
// container can make links to them wherever the kernel or a shell looks for a program. It is done from outside once
// the child's mounts are complete, and private, so that no procfs is overlooked: the container may have mounted one
// anywhere, and may rename the directories above it meanwhile. Then the command is refused.
//
// The links in procLinks stay usable: each is mounted on itself, and that mount lacks the flag.
func closeProc(dir *os.File) error {
	list, err := procMounts(dir)
	if err != nil {
		return err
	}
	mounts, err := unix.Openat(int(dir.Fd()), "ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	thread.Run(func() { err = closeMounts(mounts, list) })
	unix.Close(mounts)
	switch {
	case !errors.Is(err, unix.EINVAL):
	case knowsNoFollow():
		err = exit.Hint(err, "the container mounts or renames something above it; run it again, or add --trust-container if you trust it")
	default:
		err = exit.Hint(err, "a profile with more rights than the container's needs Linux 5.14, or --trust-container")
	}
	if err == nil {
		list, err = procMounts(dir)
	}
	if err != nil {
		return err
	}
	for i := range list {
		if m := &list[i]; !m.Has("nosymfollow") && !isProcLink(m) && !covered(m, list) {
			return fmt.Errorf("verify the view: links in %q can be followed", m.Path)
		}
	}
	return nil
}

// knowsNoFollow reports whether the kernel has the flag: it looks at the flags first, and then at the descriptor, which is none.
func knowsNoFollow() bool {
	set := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSYMFOLLOW}
	return errors.Is(unix.MountSetattr(-1, "", unix.AT_EMPTY_PATH, set), unix.EBADF)
}

// closeMounts joins a mount namespace, on a thread that ends.
func closeMounts(mounts int, list []procfs.Mount) error {
	err := unix.Unshare(unix.CLONE_FS)
	if err == nil {
		err = unix.Setns(mounts, unix.CLONE_NEWNS)
	}
	for i := range list {
		if err == nil {
			err = closeMount(&list[i])
		}
		if err != nil {
			return fmt.Errorf("forbid to follow the links in %q: %w", list[i].Path, err)
		}
	}
	return err
}

func isProcLink(m *procfs.Mount) bool {
	return m.Path == "/proc"+m.Root && slices.Contains(procLinks(), strings.TrimPrefix(m.Root, "/"))
}

// covered reports whether no path leads to a mount, since another one is on it.
func covered(m *procfs.Mount, list []procfs.Mount) bool {
	for i := range list {
		if list[i].Parent == m.ID && list[i].Path == m.Path {
			return true
		}
	}
	return false
}

// closeMount sets the flag of a procfs. A mount that another one covers stays as it is. A procfs with subset=pid lacks some
// of the links.
func closeMount(m *procfs.Mount) error {
	if m.Path == "/proc" && m.Root == "/" {
		for _, name := range procLinks() {
			if err := mountOnItself("/proc/" + name); err != nil && !errors.Is(err, unix.ENOENT) {
				return err
			}
		}
	}
	set := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSYMFOLLOW}
	return unix.MountSetattr(unix.AT_FDCWD, m.Path, unix.AT_SYMLINK_NOFOLLOW, set)
}

func mountOnItself(link string) error {
	fd, err := unix.OpenTree(unix.AT_FDCWD, link, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.MoveMount(fd, "", unix.AT_FDCWD, link, unix.MOVE_MOUNT_F_EMPTY_PATH)
}

// procMounts returns the mounts of procfs that a process sees.
func procMounts(dir *os.File) (list []procfs.Mount, err error) {
	failed := procfs.ReadLines(dir, "mountinfo", func(line string) bool {
		if strings.Contains(line, " - proc ") {
			var m procfs.Mount
			if m, err = procfs.ParseMount(line); err == nil {
				list = append(list, m)
			}
		}
		return err == nil
	})
	return list, errors.Join(err, failed)
}
