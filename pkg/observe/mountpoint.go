//go:build linux

package observe

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// describeMount reads what f is, an O_PATH descriptor in the mounts of p, whose root directory is root. It returns the
// mountinfo of p, too.
func (p *Process) describeMount(f, root *os.File, point *plan.MountPoint) ([]procfs.Mount, error) {
	st, err := statMount(f)
	if err != nil {
		return nil, err
	}
	top, err := statMount(root)
	if err != nil {
		return nil, err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		return nil, unix.ELOOP
	case unix.S_IFDIR:
		point.Dir = true
	}
	point.UID, point.GID, point.Mode, point.Mount = st.Uid, st.Gid, uint32(st.Mode)&0o7777, int(st.Mnt_id) //nolint:mnd // all bits
	point.Root = st.Mnt_id == top.Mnt_id && st.Ino == top.Ino && st.Dev_major == top.Dev_major && st.Dev_minor == top.Dev_minor
	if point.Path, err = pathOf(f); err != nil {
		return nil, err
	}
	list, err := p.Mounts()
	if err == nil {
		err = describeParents(list, int(top.Mnt_id), point)
	}
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", p.PID, err)
	}
	return list, nil
}

// describeParents describes the mounts that a file is on, up to the root's. It is an error if they are not all in the
// list: after a chroot(2), mountinfo shows only what is beneath the process's root directory.
func describeParents(list []procfs.Mount, root int, point *plan.MountPoint) error {
	byID := make(map[int]*procfs.Mount, len(list))
	for i := range list {
		byID[list[i].ID] = &list[i]
	}
	m := byID[point.Mount]
	if m == nil {
		return noSuchMount(point.Mount)
	}
	point.Shared, point.Slave, point.Device = m.Shared, m.Slave, m.Device
	point.Within = path.Join(m.Root, strings.TrimPrefix(point.Path, strings.TrimSuffix(m.Path, "/")))
	for range list {
		point.Types = append(point.Types, m.Type)
		if m.ID == root {
			return nil
		}
		parent := m.Parent
		if m = byID[parent]; m == nil {
			return noSuchMount(parent)
		}
	}
	return fmt.Errorf("mount %d is not beneath the root directory", point.Mount)
}

// Mount returns a mount in the mountinfo of p.
func (p *Process) Mount(id int) (procfs.Mount, error) {
	list, err := p.Mounts()
	if err != nil {
		return procfs.Mount{}, err
	}
	return mountIn(list, id)
}

// mountIn finds a mount by its number.
func mountIn(list []procfs.Mount, id int) (procfs.Mount, error) {
	for i := range list {
		if list[i].ID == id {
			return list[i], nil
		}
	}
	return procfs.Mount{}, noSuchMount(id)
}

func noSuchMount(id int) error {
	return fmt.Errorf("mount %d cannot be reached from its root directory", id)
}

// Beneath returns the mounts beneath a mount of the list, in its order. A mount may come before its parent. The container
// chooses how many there are and how deep, so each is looked at once.
func Beneath(list []procfs.Mount, id int) (found []procfs.Mount) {
	on := make(map[int][]int) // mounts, by the one that they are on
	for i := range list {
		on[list[i].Parent] = append(on[list[i].Parent], list[i].ID)
	}
	in := map[int]bool{id: true}
	for todo := []int{id}; len(todo) > 0; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, above := range on[at] {
			if !in[above] {
				in[above], todo = true, append(todo, above)
			}
		}
	}
	for i := range list {
		if in[list[i].ID] && list[i].ID != id {
			found = append(found, list[i])
		}
	}
	return found
}

// statMount asks no server.
func statMount(f *os.File) (unix.Statx_t, error) {
	var st unix.Statx_t
	const flags = unix.AT_EMPTY_PATH | unix.AT_STATX_DONT_SYNC | unix.AT_NO_AUTOMOUNT
	const mask = unix.STATX_TYPE | unix.STATX_MODE | unix.STATX_UID | unix.STATX_GID | unix.STATX_INO | unix.STATX_MNT_ID
	err := unix.Statx(int(f.Fd()), "", flags, mask, &st)
	if err == nil && st.Mask&unix.STATX_MNT_ID == 0 {
		err = unix.ENOSYS // Linux before 5.8
	}
	return st, err
}

// pathOf returns the path of an open file in its mount namespace.
func pathOf(f *os.File) (string, error) {
	name, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(int(f.Fd())))
	if err == nil && strings.HasSuffix(name, " (deleted)") {
		var st unix.Stat_t
		if unix.Fstat(int(f.Fd()), &st) == nil && st.Nlink == 0 {
			return "", unix.ENOENT
		}
	}
	return name, err
}
