//go:build linux

package join

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/thread"
)

// Made is a file or directory that MakeTarget has made.
type Made struct {
	Path          string
	Device, Inode uint64 // 0 if they are not known; an overlay has another device when it is mounted again
	Dir           bool
	After         int64 // it was made at this time or later, in seconds since 1970, if Inode is 0
}

// MakeTarget makes the plan's mount point beneath at, the last directory of the target that exists, and opens it with
// O_PATH. Each step is by descriptor and name: no link is followed and no other mount is entered. It acts with the
// user ID of the container's root on the file system. It returns what it has made also if it fails.
func MakeTarget(p *plan.Plan, at *os.File) (target *os.File, made []Made, err error) {
	m := p.Mounting
	thread.Run(func() {
		if err = become(m.Owner); err != nil {
			return
		}
		for i, name := range m.Make {
			dir := m.Dir || i < len(m.Make)-1
			var next *os.File
			if next, err = makeOne(at, path.Base(name), dir); err != nil {
				err = fmt.Errorf("make %s in %q: %w", name, p.Target, err)
				return
			}
			var st unix.Stat_t
			if err = unix.Fstat(int(next.Fd()), &st); err != nil {
				return
			}
			made = append(made, Made{Path: name, Device: uint64(st.Dev), Inode: st.Ino, Dir: dir})
			at = next
		}
	})
	if err != nil {
		return nil, made, kernel.Explain(err)
	}
	return at, made, nil
}

// become gives the calling thread a user and group ID on file systems, and no other group. With an ID that is not root's,
// it has no capability there any more.
func become(owner [2]uint32) error {
	// Not unix.Setgroups, which is for all threads.
	if _, _, errno := unix.RawSyscall(sysSetgroups, 0, 0, 0); errno != 0 {
		return fmt.Errorf("drop the supplementary groups: %w", errno)
	}
	const asBefore = -1 // setfsuid(2) returns no error, only what was set before
	_, _ = unix.SetfsgidRetGid(int(owner[1]))
	_, _ = unix.SetfsuidRetUid(int(owner[0]))
	gid, _ := unix.SetfsgidRetGid(asBefore)
	uid, _ := unix.SetfsuidRetUid(asBefore)
	if uint32(uid) != owner[0] || uint32(gid) != owner[1] { //nolint:gosec // IDs
		return fmt.Errorf("act as user %d and group %d on file systems: %w", owner[0], owner[1], unix.EPERM)
	}
	return nil
}

// makeOne makes a directory, or an empty file, and opens it.
func makeOne(at *os.File, name string, dir bool) (*os.File, error) {
	const dirMode, fileMode = 0o755, 0o644
	var err error
	if dir {
		err = unix.Mkdirat(int(at.Fd()), name, dirMode)
	} else {
		err = unix.Mknodat(int(at.Fd()), name, unix.S_IFREG|fileMode, 0)
	}
	if err != nil {
		return nil, err
	}
	fd, err := unix.Openat2(int(at.Fd()), name, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC | unix.O_NOFOLLOW,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// RemoveMade removes what MakeTarget has made, if it is empty and still the same, as far as that is known. root is the
// root directory of the container's mounts. It returns the directories that are not empty, or have another mount on them.
func RemoveMade(root *os.File, owner [2]uint32, made []Made) (left []Made) {
	thread.Run(func() {
		if become(owner) != nil {
			return
		}
		for _, one := range slices.Backward(made) {
			if err := removeOne(root, one); errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) || errors.Is(err, unix.EBUSY) {
				left = append([]Made{one}, left...)
			}
		}
	})
	return left
}

func removeOne(root *os.File, m Made) error {
	fd, err := unix.Openat2(int(root.Fd()), path.Dir(m.Path), &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	name := path.Base(m.Path)
	var st unix.Stat_t
	if err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	switch {
	case m.Inode == 0 && int64(st.Ctim.Sec) < m.After, m.Inode != 0 && st.Ino != m.Inode,
		m.Device != 0 && uint64(st.Dev) != m.Device:
		return nil // something else
	}
	switch isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR; {
	case isDir && m.Dir:
		return unix.Unlinkat(fd, name, unix.AT_REMOVEDIR) // fails if it is not empty
	case !isDir && !m.Dir && st.Size == 0:
		return unix.Unlinkat(fd, name, 0)
	}
	return nil
}

// Adopt gives a directory, which source has open with O_PATH, the owner, the group and the mode of the plan.
func Adopt(p *plan.Plan, source *os.File) error {
	a := p.Mounting.Adopt
	err := unix.Fchownat(int(source.Fd()), "", int(a[0]), int(a[1]), unix.AT_EMPTY_PATH)
	if err == nil {
		err = unix.Chmod("/proc/self/fd/"+strconv.Itoa(int(source.Fd())), a[2])
	}
	if err != nil {
		return fmt.Errorf("give %s the owner of %s in %q: %w", p.Mounting.What(), p.Mounting.Target, p.Target, err)
	}
	return nil
}
