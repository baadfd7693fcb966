//go:build linux

package join

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// HeldMount holds the open files of a plan's mount, and what the helper does while the child waits.
type HeldMount struct {
	// Source is what is cloned; nil for a tmpfs. Target is where it is attached or, to detach, the root of the mount.
	// Both are O_PATH descriptors: a path is never looked up again. Users is an open user namespace, or nil.
	Source, Target, Users *os.File
	// Record is called before the mount is attached, and Verify afterwards. If one fails, there is no mount.
	Record, Verify func(MountID) error
}

// MountID identifies a mount. ID is its number in mountinfo, and Unique the number that the kernel never uses again,
// or 0 before Linux 6.8.
type MountID struct {
	ID     int
	Unique uint64
}

// mountTimeout is how long the child may take. It makes no call that asks a file system's server.
const mountTimeout = 30 * time.Second

// Mount carries out a plan with a Mounting, in a child that joins mount namespaces only. If the helper is killed, the
// child detaches what was not verified. If the child is killed, Mount returns an error, and Record has been called if
// the mount may be attached.
func Mount(p *plan.Plan, held Held) error {
	ch, err := newChannel()
	if err != nil {
		return err
	}
	defer ch.close()
	prog, err := compileMount(p, held, ch)
	if err != nil {
		return err
	}
	child, err := begin(prog)
	ch.closeChildEnds()
	if err != nil {
		return err
	}
	f := &follower{plan: p, prog: prog, channel: ch, held: held, first: child}
	err = f.followMount()
	ch.closeSync()
	child.ends(mountTimeout) // it may have to detach the mount
	child.end(nil)
	return err
}

// followMount answers the child until it ends.
func (f *follower) followMount() error {
	calls := []func(MountID) error{f.held.Mount.Record, f.held.Mount.Verify}
	for start := time.Now(); ; {
		what, err := f.poll(grace)
		switch {
		case err != nil:
			return fmt.Errorf("wait for the child: %w", err)
		case what == byteReceived && len(calls) > 0:
			w := f.channel.report
			id := MountID{ID: int(atomic.LoadUint64(&w.mountID)), Unique: atomic.LoadUint64(&w.uniqueID)}
			if err := calls[0](id); err != nil {
				return err
			}
			calls = calls[1:]
			if err := f.channel.resume(); err != nil {
				return err
			}
		case what == firstEnded, what == pipeClosed:
			return f.mountEnded()
		case time.Since(start) > mountTimeout:
			return fmt.Errorf("mount in %q: nothing happened within %s", f.plan.Target, mountTimeout)
		}
	}
}

// mountEnded returns why the child has ended; nil if it has done everything.
func (f *follower) mountEnded() error {
	if !f.first.ends(grace) {
		return fmt.Errorf("mount in %q: the child neither reports nor ends", f.plan.Target)
	}
	w := f.channel.report
	v := failure{atomic.LoadUint32(&w.kind), atomic.LoadInt32(&w.step), syscall.Errno(atomic.LoadUint32(&w.errno))}
	if v.kind == messageFailed && v.step >= -1 && int(v.step) < len(f.plan.Steps) {
		return f.failed(v)
	}
	ws, err := f.first.status()
	switch {
	case err != nil:
		return fmt.Errorf("wait for the child: %w", err)
	case ws.Exited() && ws.ExitStatus() == statusSucceeded:
		return nil
	}
	return fmt.Errorf("mount in %q: the child ended with status %d", f.plan.Target, shellStatus(ws))
}

// compileMount makes the child's program. Signals are blocked in the child: only SIGKILL ends it between two steps.
func compileMount(p *plan.Plan, held Held, ch *channel) (*program, error) {
	if p.Mounting == nil || held.Mount == nil || held.Mount.Target == nil {
		return nil, errors.New("the mount is not held")
	}
	c := newMountCompiler(p, held, ch)
	for i, s := range p.Steps {
		c.step = int32(i)
		if err := c.compile(s); err != nil {
			c.prog.close()
			return nil, fmt.Errorf("%s: %w", p.Describe(i), err)
		}
	}
	return c.prog, nil
}

// newMountCompiler begins the program of a child that is not in a container's namespaces.
func newMountCompiler(p *plan.Plan, held Held, ch *channel) *compiler {
	c := &compiler{plan: p, held: held, step: -1}
	c.prog = &program{report: ch.report, notify: ch.childNotify.Fd(), sync: ch.childSync.Fd()}
	c.blockSignals()
	// Of the helper's ends of the pipes nothing may stay open here: otherwise the child would not notice the helper's end.
	c.call(unix.SYS_CLOSE, uintptr(ch.sync))
	c.call(unix.SYS_CLOSE, uintptr(ch.notify))
	return c
}

// reserve returns a descriptor that is free in the child: callInto replaces the file there.
func (c *compiler) reserve() (uintptr, error) {
	f, err := os.Open("/proc")
	if err != nil {
		return 0, err
	}
	c.prog.files = append(c.prog.files, f)
	return f.Fd(), nil
}

// tree returns the descriptor of the mount to attach. All steps use the same one.
func (c *compiler) tree() (uintptr, error) {
	if c.treeFD == 0 {
		var err error
		if c.treeFD, err = c.reserve(); err != nil {
			return 0, err
		}
	}
	return c.treeFD, nil
}

func (c *compiler) cloneSource(plan.Step) error {
	if c.held.Mount.Source == nil {
		return errors.New("the source is not held")
	}
	tree, err := c.tree()
	t := &texts{c: c}
	flags := uintptr(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_EMPTY_PATH | unix.AT_NO_AUTOMOUNT)
	if !c.plan.Mounting.Single {
		flags |= unix.AT_RECURSIVE
	}
	c.add(callInto, unix.SYS_OPEN_TREE, c.held.Mount.Source.Fd(), t.of(""), flags, 0, 0, tree)
	return errors.Join(err, t.err)
}

func (c *compiler) newTmpfs(plan.Step) error {
	settings, err := c.reserve()
	tree, errTree := c.tree()
	t := &texts{c: c}
	c.add(callInto, unix.SYS_FSOPEN, t.of("tmpfs"), unix.FSOPEN_CLOEXEC, 0, 0, 0, settings)
	for _, option := range append([][2]string{{"source", "tmpfs"}}, c.plan.Mounting.Options...) {
		if option[1] == "" {
			c.call(unix.SYS_FSCONFIG, settings, unix.FSCONFIG_SET_FLAG, t.of(option[0]), 0, 0)
			continue
		}
		c.call(unix.SYS_FSCONFIG, settings, unix.FSCONFIG_SET_STRING, t.of(option[0]), t.of(option[1]), 0)
	}
	c.call(unix.SYS_FSCONFIG, settings, unix.FSCONFIG_CMD_CREATE, 0, 0, 0)
	c.add(callInto, unix.SYS_FSMOUNT, settings, unix.FSMOUNT_CLOEXEC, 0, 0, 0, tree)
	return errors.Join(err, errTree, t.err)
}

// mountAttributes are the attributes for a mount's flags, mount_setattr(2).
var mountAttributes = [...]struct {
	flag string
	bit  uint64
}{
	{"ro", unix.MOUNT_ATTR_RDONLY},
	{"nosuid", unix.MOUNT_ATTR_NOSUID},
	{"nodev", unix.MOUNT_ATTR_NODEV},
	{"noexec", unix.MOUNT_ATTR_NOEXEC},
	{"nodiratime", unix.MOUNT_ATTR_NODIRATIME},
	{"noatime", unix.MOUNT_ATTR_NOATIME},
	{plan.StrictAtime, unix.MOUNT_ATTR_STRICTATIME},
}

// mountFlags sets the flags of the mount, which is attached nowhere yet, and of those beneath it.
func (c *compiler) mountFlags(plan.Step) error {
	m := c.plan.Mounting
	attributes := &unix.MountAttr{Propagation: unix.MS_PRIVATE}
	if m.Slave {
		attributes.Propagation = unix.MS_SLAVE
	}
	for _, flag := range m.Flags {
		known := false
		for _, a := range mountAttributes {
			if a.flag == flag {
				attributes.Attr_set |= a.bit
				if a.bit&unix.MOUNT_ATTR__ATIME != 0 { // the bits of one value, mount_setattr(2)
					attributes.Attr_clr |= unix.MOUNT_ATTR__ATIME
				}
				known = true
			}
		}
		if !known {
			return fmt.Errorf("unknown flag %q", flag)
		}
	}
	if len(m.Map) > 0 {
		if c.held.Mount.Users == nil {
			return errors.New("the user namespace is not held")
		}
		attributes.Attr_set |= unix.MOUNT_ATTR_IDMAP
		attributes.Userns_fd = uint64(c.held.Mount.Users.Fd())
	}
	tree, err := c.tree()
	return errors.Join(err, c.setAttributes(tree, attributes))
}

// record reports the mount's number, and waits for the helper.
func (c *compiler) record(plan.Step) error {
	tree, err := c.tree()
	t := &texts{c: c}
	c.add(reportMount, 0, tree, t.of(""))
	c.add(await, 0)
	return errors.Join(err, t.err)
}

func (c *compiler) attach(plan.Step) error {
	tree, err := c.tree()
	t := &texts{c: c}
	c.call(unix.SYS_MOVE_MOUNT, tree, t.of(""), c.held.Mount.Target.Fd(), t.of(""),
		unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	return errors.Join(err, t.err)
}

// check waits for the helper. If the helper does not verify the mount, or is killed, the child detaches it.
func (c *compiler) check(plan.Step) error {
	tree, err := c.tree()
	proc, name, errName := c.byDescriptor(tree)
	c.add(awaitOrDetach, 0, proc, name)
	return errors.Join(err, errName)
}

// detach detaches a mount and all beneath it, by the descriptor of its root: no path leads to another one.
func (c *compiler) detach(plan.Step) error {
	proc, name, err := c.byDescriptor(c.held.Mount.Target.Fd())
	c.add(detachMount, 0, proc, name)
	return err
}

// byDescriptor returns a directory and a name in it that lead to a descriptor of the child. The directory is the
// helper's /proc: the container's may be forged. The child is in the helper's pid namespace.
func (c *compiler) byDescriptor(fd uintptr) (proc, name uintptr, err error) {
	proc, err = c.reserve()
	name, errName := c.text(fmt.Sprintf("self/fd/%d", fd))
	return proc, name, errors.Join(err, errName)
}

// mountNeeds is the version of Linux that a mount needs, for mount_setattr(2). What else it calls is older: open_tree(2),
// move_mount(2) and fsopen(2) are of 5.2, openat2(2) is of 5.6, and STATX_MNT_ID of 5.8.
const mountNeeds = "5.12"

// ExplainMount adds a hint to the error of a mount, if there is one.
func ExplainMount(err error) error { return kernel.ExplainFor(err, " mount", mountNeeds) }

// mapsSince says from which version of Linux on a file system allows mounts with mapped IDs, mount_setattr(2). All others do not.
var mapsSince = [...][2]string{
	{"ext4", "5.12"},
	{"vfat", "5.12"},
	{"xfs", "5.12"},
	{"btrfs", "5.15"},
	{"ntfs3", "5.15"},
	{"f2fs", "5.18"},
	{"erofs", "5.19"},
	{"squashfs", "6.2"},
	{"tmpfs", "6.3"},
	{"ceph", "6.7"},
	{"hugetlbfs", "6.9"},
}

// cannotMap explains why a mount, or one of those beneath it, cannot map IDs.
func cannotMap(m *plan.Mounting, err error) error {
	for _, known := range mapsSince {
		if known[0] == m.FileSystem {
			return exit.Hint(err, "%s is on %s, which can map IDs from Linux %s on; what is mounted beneath it has to, too, unless --mount has bind-recursive=disabled",
				m.Source, known[0], known[1])
		}
	}
	return exit.Hint(err, "%s is on %s, which cannot map IDs", m.Source, m.FileSystem)
}

// tmpfsOptions names the options of a new tmpfs.
func tmpfsOptions(m *plan.Mounting) string {
	names := make([]string, 0, len(m.Options))
	for _, o := range m.Options {
		names = append(names, o[0])
	}
	return strings.Join(names, ", ")
}

// mountFailed explains the failure of a mount.
func (f *follower) mountFailed(step int, errno unix.Errno, err error) error {
	m := f.plan.Mounting
	err = fmt.Errorf("mount in %q: %s: %w", f.plan.Target, f.plan.Describe(step), err)
	switch op := f.plan.Steps[step].Op; {
	case op == plan.OpMountFlags && len(m.Map) > 0 && errno == unix.EINVAL:
		return cannotMap(m, err)
	case op == plan.OpTmpfs && errno == unix.EINVAL:
		return exit.Hint(err, "this kernel does not have one of its options, or not that value: %s", tmpfsOptions(m))
	case op == plan.OpClone && m.Single && errno == unix.EINVAL:
		return exit.Hint(err, "a mount beneath %s may hide files there, so it has to come along: omit bind-recursive", m.Source)
	case op == plan.OpAttach && (errno == unix.ENOENT || errno == unix.ENOTDIR || errno == unix.EINVAL):
		return exit.Hint(err, "the container has changed %s in the meantime: run the command again", m.Target)
	case errno == unix.ENOSPC:
		return exit.Hint(err, "the container has too many mounts: /proc/sys/fs/mount-max is the limit")
	}
	return ExplainMount(err)
}
