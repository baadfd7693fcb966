//go:build linux

package join

import (
	"sort"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// user sets groups, gid and uid, and keeps the permitted capabilities.
func (c *compiler) user(plan.Step) error {
	c.call(unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1)
	if !c.identity.KeepGroups {
		c.groups(c.identity.Groups)
	}
	c.become(c.identity.UID, c.identity.GID)
	c.call(unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 0)
	return nil
}

func (c *compiler) root(plan.Step) error {
	c.become(0, 0)
	return nil
}

func (c *compiler) noGroups(plan.Step) error {
	c.groups(nil)
	return nil
}

func (c *compiler) become(uid, gid uint32) {
	c.call(sysSetresgid, uintptr(gid), uintptr(gid), uintptr(gid))
	c.call(sysSetresuid, uintptr(uid), uintptr(uid), uintptr(uid))
}

func (c *compiler) umask(plan.Step) error {
	c.call(unix.SYS_UMASK, uintptr(c.identity.Umask))
	return nil
}

func (c *compiler) persona(plan.Step) error {
	c.call(unix.SYS_PERSONALITY, uintptr(c.identity.Personality))
	return nil
}

// keyring joins the session keyring by its name, or makes one without a name. If that fails, since the
// container's root may have used up the user's quota, no command runs: it would have the caller's keyring.
func (c *compiler) keyring(plan.Step) error {
	if c.identity.Keyring == "" {
		c.add(ifKnown, unix.SYS_KEYCTL, unix.KEYCTL_JOIN_SESSION_KEYRING, 0)
		return nil
	}
	s, err := c.text(c.identity.Keyring)
	c.call(unix.SYS_KEYCTL, unix.KEYCTL_JOIN_SESSION_KEYRING, s)
	return err
}

// label sets the security label of the exec, as runc's apparmor and selinux packages write it.
func (c *compiler) label(plan.Step) error {
	file, text := "self/attr/exec", c.identity.SELinux
	if c.identity.AppArmor != "" {
		text = "exec " + c.identity.AppArmor
		if unix.Access("/proc/self/attr/apparmor/exec", unix.F_OK) == nil {
			file = "self/attr/apparmor/exec"
		}
	}
	return c.writeProc(file, text)
}

// bounding drops those of the kernel's capabilities that are not in the bounding set.
func (c *compiler) bounding(plan.Step) error {
	known := sort.Search(64, func(number int) bool {
		_, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(number), 0, 0, 0)
		return err != nil // past the last one
	})
	for number := range known {
		if c.identity.Capabilities.Bounding&(1<<number) == 0 {
			c.call(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, uintptr(number))
		}
	}
	return nil
}

// capabilities sets the command's capabilities. If loader was called before, it has set the ambient ones:
// capset(2) keeps those that it leaves inheritable and permitted, and the filter may forbid prctl(2).
func (c *compiler) capabilities(plan.Step) error {
	caps := c.identity.Capabilities
	c.capset(caps.Permitted, caps.Effective, caps.Inheritable)
	if len(c.identity.Filters) == 0 || c.identity.NoNewPrivileges {
		c.ambient()
	}
	return nil
}

// loader adds the capabilities that loading a filter requires to those of the command.
func (c *compiler) loader(plan.Step) error {
	all := c.identity.Capabilities.Permitted | c.identity.Capabilities.Inheritable | plan.CapSysAdmin
	c.capset(all, all, c.identity.Capabilities.Inheritable)
	c.ambient()
	return nil
}

func (c *compiler) ambient() {
	c.call(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL)
	for number := range 64 {
		if c.identity.Capabilities.Ambient&(1<<number) != 0 {
			c.call(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(number))
		}
	}
}
