//go:build linux

package join

import (
	"errors"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// lastErrno is the kernel's highest errno, EHWPOISON; errno(3).
const lastErrno = 133

// failures makes the table of the failures that the second child's exit status can report, from step first
// on: any errno of the exec, and the likely ones of the steps before it.
func (c *compiler) failures(first int) error {
	if first < 0 {
		return nil
	}
	for i, s := range c.plan.Steps[first:] {
		step := int32(first + i)
		switch s.Op {
		case plan.OpFork, plan.OpSettle, plan.OpFind: // reported by the first child, not at all, or as failures of the exec
		case plan.OpDirLast:
			c.failure(messageOutside, step, unix.ENOENT)
			for _, errno := range likely() {
				c.failure(messageFailed, step, errno)
			}
		case plan.OpExec, plan.OpConnectUnix, plan.OpListenUnix:
			for errno := range syscall.Errno(lastErrno + 1) {
				c.failure(messageFailed, step, errno)
			}
			c.failure(messageNoFile, step, unix.ENOENT)
		default:
			for _, errno := range likely() {
				c.failure(messageFailed, step, errno)
			}
		}
	}
	if len(c.prog.failures) > lastStatus-firstFailure+1 {
		return errors.New("too many steps after the fork")
	}
	return nil
}

func (c *compiler) failure(kind uint32, step int32, errno syscall.Errno) {
	c.prog.failures = append(c.prog.failures, failure{kind, step, errno})
}

// likely returns the errnos of mount(2), chdir(2), setsid(2) and TIOCSCTTY, and 0, which stands for any
// other errno.
func likely() []syscall.Errno {
	return []syscall.Errno{
		0, unix.EPERM, unix.ENOENT, unix.EIO, unix.EBADF, unix.EAGAIN, unix.ENOMEM, unix.EACCES, unix.EBUSY, unix.EEXIST,
		unix.ENODEV, unix.ENOTDIR, unix.EINVAL, unix.EMFILE, unix.ENOTTY, unix.ENOSPC, unix.EROFS, unix.ENOSYS, unix.ELOOP,
	}
}

// execStep returns the step that executes the command.
func (c *compiler) execStep() int32 {
	return int32(slices.IndexFunc(c.plan.Steps, func(s plan.Step) bool { return s.Op == plan.OpExec }))
}

// failureOf returns the failure that an exit status of the second child reports; ok is false if it reports
// none.
func (p *program) failureOf(status int) (v failure, ok bool) {
	i := status - firstFailure
	if i < 0 || i >= len(p.failures) {
		return failure{}, false
	}
	return p.failures[i], true
}
