//go:build linux

package join

import (
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// cgroups has the child join its cgroups itself. A process that moves another one, or all threads of
// one, waits a few milliseconds until no process of the system is in fork, exec or exit. A thread
// that moves itself doesn't wait, nor does a clone into a group of cgroup v2 (cgroup_procs_write_start and
// cgroup_css_set_fork of the kernel's kernel/cgroup/cgroup.c).
func (c *compiler) cgroups(plan.Step) error {
	if c.moved {
		return nil
	}
	self, err := c.text("0")
	for i, g := range c.identity.Cgroups {
		if c.held.Cgroups[i] == nil {
			continue // left out
		}
		do := call
		if g.Hierarchy == "" && c.held.Into != nil {
			c.prog.cloneInto = cloneArgs{flags: unix.CLONE_INTO_CGROUP, exitSignal: uint64(unix.SIGCHLD), cgroup: uint64(c.held.Into.Fd())}
			do = unlessInCgroup
		}
		c.add(do, unix.SYS_WRITE, c.held.Cgroups[i].Fd(), self, 1)
	}
	return err
}
