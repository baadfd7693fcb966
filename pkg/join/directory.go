//go:build linux

package join

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// dir changes to the working directory with root's rights. If that fails, dirAgain or dirLast may try
// again later, but not for a command with the caller's identity, which has no other user to try as.
func (c *compiler) dir(plan.Step) error {
	if c.identity == nil {
		return c.enter(call, c.plan.Identity.Dir, leftNothing)
	}
	return c.enter(enter, c.plan.Identity.Dir, c.leftToLast())
}

// leftToLast returns leftInside if the plan has OpDirLast, which can try again, else leftNothing.
func (c *compiler) leftToLast() uintptr {
	if slices.ContainsFunc(c.plan.Steps, func(s plan.Step) bool { return s.Op == plan.OpDirLast }) {
		return leftInside
	}
	return leftNothing
}

func (c *compiler) dirAgain(plan.Step) error {
	return c.enter(enterAgain, c.plan.Identity.Dir, leftToUser)
}

func (c *compiler) dirLast(plan.Step) error {
	if err := c.enter(enterAgain, c.plan.Identity.Dir, leftInside); err != nil {
		return err
	}
	c.add(checkAgain, 0, 0, leftInside)
	return nil
}

func (c *compiler) inside(plan.Step) error {
	c.add(checkInside, 0, c.leftToLast())
	return nil
}

func (c *compiler) enter(do action, dir string, left uintptr) error {
	s, err := c.text(dir)
	c.add(do, unix.SYS_CHDIR, s, left)
	return err
}
