//go:build linux

package join

import (
	"errors"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// lastErrno is the last of the kernel's numbers, errno(3): EHWPOISON.
const lastErrno = 133

// verdicts makes the table of why the second child may fail, from step seen on: at any
// errno to run the command, at the likely ones to do anything before.
func (c *compiler) verdicts(seen int) error {
	if seen < 0 {
		return nil
	}
	for i, s := range c.plan.Steps[seen:] {
		step := int32(seen + i)
		switch s.Op {
		case plan.OpFork, plan.OpSettle, plan.OpFind: // which fail otherwise, or as the exec
		case plan.OpDirLast:
			c.verdict(messageOutside, step, unix.ENOENT)
			for _, errno := range likely() {
				c.verdict(messageFailed, step, errno)
			}
		case plan.OpExec:
			for errno := range syscall.Errno(lastErrno + 1) {
				c.verdict(messageFailed, step, errno)
			}
			c.verdict(messageNoFile, step, unix.ENOENT)
		default:
			for _, errno := range likely() {
				c.verdict(messageFailed, step, errno)
			}
		}
	}
	if len(c.prog.verdicts) > lastStatus-firstVerdict+1 {
		return errors.New("too many steps after the fork")
	}
	return nil
}

func (c *compiler) verdict(kind uint32, step int32, errno syscall.Errno) {
	c.prog.verdicts = append(c.prog.verdicts, verdict{kind, step, errno})
}

// likely are the errors of mount(2), chdir(2), setsid(2) and TIOCSCTTY, and 0 for all others.
func likely() []syscall.Errno {
	return []syscall.Errno{
		0, unix.EPERM, unix.ENOENT, unix.EIO, unix.EBADF, unix.EAGAIN, unix.ENOMEM, unix.EACCES, unix.EBUSY, unix.EEXIST,
		unix.ENODEV, unix.ENOTDIR, unix.EINVAL, unix.EMFILE, unix.ENOTTY, unix.ENOSPC, unix.EROFS, unix.ENOSYS, unix.ELOOP,
	}
}

// execStep is the step that executes the command.
func (c *compiler) execStep() int32 {
	return int32(slices.IndexFunc(c.plan.Steps, func(s plan.Step) bool { return s.Op == plan.OpExec }))
}

// sentence is what the exit status of a second child says; ok is false where it says nothing.
func (p *program) sentence(status int) (v verdict, ok bool) {
	i := status - firstVerdict
	if i < 0 || i >= len(p.verdicts) {
		return verdict{}, false
	}
	return p.verdicts[i], true
}
