//go:build linux

package join

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// viewFD is the view's descriptor in a child that keepsNumbers does not apply to. A container may allow few descriptors,
// so the others are closed before, and a mount that is cloned gets the next number.
const viewFD = 5

// viewFiles returns the descriptors of the view and its clone in the child, as far as there are any.
func (c *compiler) viewFiles() []int {
	switch {
	case c.held.View == nil:
		return nil
	case !c.keepsNumbers():
		return []int{viewFD}
	case c.held.Clone == nil:
		return []int{int(c.held.View.Fd())}
	}
	return []int{int(c.held.View.Fd()), int(c.held.Clone.Fd())}
}

// view attaches the view's tree on top of the root directory, which is still the container's, and makes it the
// working directory. Absolute paths are the container's, relative ones the view's.
func (c *compiler) view(plan.Step) error {
	files := c.viewFiles()
	if c.held.View == nil || (c.plan.View.Clone != nil) != (len(files) > 1) {
		return errors.New("the view is not held")
	}
	tree := uintptr(files[0])
	none, errNone := c.text("")
	root, errRoot := c.text("/")
	c.call(unix.SYS_MOVE_MOUNT, tree, none, atCwd, root, unix.MOVE_MOUNT_F_EMPTY_PATH)
	c.call(unix.SYS_FCHDIR, tree)
	for i, m := range c.plan.View.Mounts {
		from, errFrom := c.text(m.From)
		at, errAt := c.text(strings.TrimPrefix(m.At, "/"))
		if err := errors.Join(errFrom, errAt); err != nil {
			return err
		}
		c.add(mountTree, 0, from, at, none, uintptr(i+1))
	}
	if clone := c.plan.View.Clone; clone != nil {
		at, err := c.text(strings.TrimPrefix(clone.At, "/"))
		if err != nil {
			return err
		}
		c.call(unix.SYS_MOVE_MOUNT, uintptr(files[1]), none, atCwd, at, unix.MOVE_MOUNT_F_EMPTY_PATH)
		c.call(unix.SYS_CLOSE, uintptr(files[1]))
	}
	c.call(unix.SYS_CLOSE, tree)
	return errors.Join(errNone, errRoot)
}

// remove removes a file with its directory. If root may not, they stay: their container will be thrown away.
func (c *compiler) remove(plan.Step) error {
	file, errFile := c.text(c.plan.Remove)
	dir, errDir := c.text(path.Dir(c.plan.Remove))
	c.add(try, unix.SYS_UNLINKAT, atCwd, file, 0)
	c.add(try, unix.SYS_UNLINKAT, atCwd, dir, unix.AT_REMOVEDIR)
	return errors.Join(errFile, errDir)
}

// pivot makes the view the root directory. It moves the container's root directory to the view's target, or unmounts
// it: pivot_root(2) puts it on top of the view then.
func (c *compiler) pivot(plan.Step) error {
	here, errHere := c.text(".")
	root, errRoot := c.text("/")
	old, errOld := here, error(nil)
	if target := c.plan.View.Target; target != "" {
		old, errOld = c.text(strings.TrimPrefix(target, "/"))
	}
	c.call(unix.SYS_PIVOT_ROOT, here, old)
	if old == here {
		c.call(unix.SYS_UMOUNT2, here, unix.MNT_DETACH)
	}
	c.call(unix.SYS_CHDIR, root)
	return errors.Join(errHere, errRoot, errOld)
}

// noExecFailed names the version of Linux that a profile needs.
func (f *follower) noExecFailed(step int, errno unix.Errno, err error) error {
	err = kernel.Explain(f.stepFailed(step, err))
	if errno == unix.ENOSYS {
		return exit.Hint(err, "a profile with more rights than the container's needs Linux 5.14, or --trust-container")
	}
	return err
}

// verifyView verifies that the root directory of the child, whose directory in /proc is dir, is the view's, with its
// clone, and that its mounts are not the helper's.
func verifyView(dir *os.File, v *plan.View, held *Held) error {
	if err := sameRoot(int(dir.Fd()), held.View); err != nil {
		return err
	}
	if v.Clone != nil {
		if err := verifyClone(dir, v.Clone.At, held.Clone); err != nil {
			return err
		}
	}
	var got, own unix.Stat_t
	if err := unix.Fstatat(int(dir.Fd()), "ns/mnt", &got, 0); err != nil {
		return fmt.Errorf("verify the view: %w", err)
	}
	if err := unix.Stat("/proc/self/ns/mnt", &own); err != nil {
		return fmt.Errorf("verify the view: %w", err)
	}
	if got.Dev == own.Dev && got.Ino == own.Ino {
		return errors.New("verify the view: the command is in the helper's mount namespace")
	}
	if v.NoExec {
		return closeProc(dir)
	}
	return nil
}

// sameRoot verifies that the root directory of a process, whose directory in /proc is dir, is a file.
func sameRoot(dir int, file *os.File) error {
	var want, got unix.Stat_t
	err := unix.Fstat(int(file.Fd()), &want)
	if err == nil {
		err = unix.Fstatat(dir, "root", &got, 0)
	}
	if err != nil {
		return fmt.Errorf("verify the view: %w", err)
	}
	if got.Dev != want.Dev || got.Ino != want.Ino {
		return errors.New("verify the view: the command has another root directory, or another container's")
	}
	return nil
}

// verifyClone verifies that the mount of clone is the only one at a path of a process, whose directory in /proc is dir. It
// compares the numbers of mounts: stat(2) would ask the container's file system, which may not answer.
func verifyClone(dir *os.File, at string, clone *os.File) error {
	self, err := procfs.OpenDir("/proc/self")
	if err != nil {
		return fmt.Errorf("verify the view: %w", err)
	}
	defer self.Close()
	want := ""
	err = procfs.ReadLines(self, "fdinfo/"+strconv.Itoa(int(clone.Fd())), func(line string) bool {
		id, ok := strings.CutPrefix(line, "mnt_id:")
		want = strings.TrimSpace(id)
		return !ok
	})
	var got []string
	if err == nil {
		err = procfs.ReadLines(dir, "mountinfo", func(line string) bool {
			if fields := strings.SplitN(line, " ", 6); len(fields) > 5 && fields[4] == at { //nolint:mnd // proc_pid_mountinfo(5)
				got = append(got, fields[0])
			}
			return true
		})
	}
	if err != nil {
		return fmt.Errorf("verify the view: %w", err)
	}
	if len(got) != 1 || got[0] != want {
		return fmt.Errorf("verify the view: what the command has at %s is not the container's root directory", at)
	}
	return nil
}

// viewFailed names the mount that failed. The container may have changed its root directory in the meantime.
func (f *follower) viewFailed(step int, errno unix.Errno, err error) error {
	i := int(f.channel.report.mount) - 1
	if i < 0 || i >= len(f.plan.View.Mounts) {
		return kernel.Explain(f.stepFailed(step, err))
	}
	from := f.plan.View.Mounts[i].From
	err = fmt.Errorf("view of %q: %q: %w", f.plan.Target, from, err)
	switch errno {
	case unix.ENOENT, unix.ENOTDIR, unix.EINVAL: // EINVAL is move_mount(2)'s of a file on a directory
		return exit.Hint(err, "the container has changed it in the meantime: run the command again")
	case unix.ENOSPC:
		return exit.Hint(err, "the container has too many mounts: /proc/sys/fs/mount-max is the limit")
	}
	return kernel.Explain(err)
}
