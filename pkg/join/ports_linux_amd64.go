package join

import "golang.org/x/sys/unix"

// ports drops the right to use I/O ports, which a process gets by ioperm(2) or iopl(2) and keeps across an
// exec. A kernel without these calls returns ENOSYS.
func (c *compiler) ports() {
	const all = 65536
	c.add(try, unix.SYS_IOPERM, 0, all, 0)
	c.add(try, unix.SYS_IOPL, 0)
}
