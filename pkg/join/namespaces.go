//go:build linux

package join

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// join joins namespaces of one process: all at once by its pidfd or, on a kernel that can't,
// one after another, the user namespace last.
func (c *compiler) join(s plan.Step) error {
	if f, ok := c.held.Paths[s.From]; ok && s.PID == 0 {
		c.call(unix.SYS_SETNS, f.Fd(), uintptr(s.Kinds.Flags()))
		return nil
	}
	source, ok := c.held.Sources[s.PID]
	if !ok {
		return fmt.Errorf("process %d is not held", s.PID)
	}
	each := call
	if source.Pidfd != nil {
		each = joinEach
		c.add(joinAtOnce, unix.SYS_SETNS, source.Pidfd.Fd(), uintptr(s.Kinds.Flags()))
	}
	order := s.Kinds.Without(ns.SetOf(ns.User)).Kinds()
	if s.Kinds.Has(ns.User) {
		order = append(order, ns.User)
	}
	for _, k := range order {
		f, ok := source.Namespaces[k]
		if !ok {
			return fmt.Errorf("%s namespace of process %d is not open", k, s.PID)
		}
		c.add(each, unix.SYS_SETNS, f.Fd(), uintptr(k.Flag()))
	}
	return nil
}

// unshare makes new namespaces. In a new network it sets the loopback interface up.
func (c *compiler) unshare(s plan.Step) error {
	c.call(unix.SYS_UNSHARE, uintptr(s.Kinds.Flags()))
	if s.Kinds.Has(ns.Net) {
		return c.loopback()
	}
	return nil
}

func (c *compiler) privateMounts(plan.Step) error {
	return c.mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE)
}

func (c *compiler) slaveMounts(plan.Step) error {
	return c.mount("none", "/", "", unix.MS_REC|unix.MS_SLAVE)
}

// proc mounts a new /proc. The process is visible in the pid namespace and holds no descriptor of the host's.
func (c *compiler) proc(s plan.Step) error { return c.replace("proc", "/proc", s) }

// replace mounts a new file system and moves the mounts beneath the present one at root to it. It uses paths only.
func (c *compiler) replace(kind, root string, s plan.Step) error {
	if err := c.mount(kind, s.At, kind, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC); err != nil {
		return err
	}
	for _, m := range s.Beneath {
		from, errFrom := c.text(m.Path)
		to, errTo := c.text(s.At + strings.TrimPrefix(m.Path, root))
		if err := errors.Join(errFrom, errTo); err != nil {
			return err
		}
		copied := uintptr(unix.MS_BIND | unix.MS_REC)
		if m.Autofs {
			copied = 0 // a bind mount would trigger it
		}
		c.add(moveMount, unix.SYS_MOUNT, from, to, 0, unix.MS_MOVE, 0, copied)
	}
	if s.At == root {
		return nil
	}
	return c.mount(s.At, root, "", unix.MS_MOVE)
}

func (c *compiler) mount(source, target, kind string, flags uintptr) error {
	var args [3]uintptr
	for i, s := range []string{source, target, kind} {
		var err error
		if args[i], err = c.text(s); err != nil {
			return err
		}
	}
	c.call(unix.SYS_MOUNT, args[0], args[1], args[2], flags, 0)
	return nil
}
