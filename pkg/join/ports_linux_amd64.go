package join

import "golang.org/x/sys/unix"

// ports drops the right to use I/O ports, which ioperm(2) and iopl(2) give across an exec. A kernel
// without them returns ENOSYS.
func (c *compiler) ports() {
	const all = 65536
	c.add(try, unix.SYS_IOPERM, 0, all, 0)
	c.add(try, unix.SYS_IOPL, 0)
}
