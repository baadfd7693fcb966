//go:build linux

package join

import (
	"fmt"
	"path"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// The descriptors of a process for a UNIX socket, beside its two pipes. It has no standard streams.
const (
	socketFD    = 0
	directoryFD = 1 // of the socket's file, if it listens on one
)

// backlog is that of listen(2); the kernel lowers it to net.core.somaxconn.
const backlog = 4096

// connectTimeout limits connect(2), which waits while the server's queue is full, in seconds. The helper gives up before;
// this is for a child whose helper was killed.
const connectTimeout = 15

// connectUnix compiles the connection to a UNIX socket.
func (c *compiler) connectUnix(plan.Step) error {
	address, size, err := c.unixAddress()
	if err != nil {
		return err
	}
	c.call(unix.SYS_SOCKET, unix.AF_UNIX, uintptr(c.plan.Forward.Type)|unix.SOCK_CLOEXEC, 0)
	limit := &unix.Timeval{Sec: connectTimeout}
	c.add(try, unix.SYS_SETSOCKOPT, socketFD, unix.SOL_SOCKET, unix.SO_SNDTIMEO, c.pin(unsafe.Pointer(limit)), unsafe.Sizeof(*limit))
	c.call(unix.SYS_CONNECT, socketFD, address, size)
	c.add(hold, 0)
	return nil
}

// listenUnix compiles the making of a UNIX socket that listens.
func (c *compiler) listenUnix(plan.Step) error {
	address, size, err := c.unixAddress()
	if err != nil {
		return err
	}
	c.call(unix.SYS_SOCKET, unix.AF_UNIX, uintptr(c.plan.Forward.Type)|unix.SOCK_CLOEXEC, 0)
	file := uintptr(0)
	if name := c.plan.Forward.Path; !strings.HasPrefix(name, "@") {
		dir, err := c.text(path.Dir(name))
		if err != nil {
			return err
		}
		if file, err = c.text(name); err != nil {
			return err
		}
		c.call(unix.SYS_OPENAT, atCwd, dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)
	}
	listens := uintptr(1)
	if c.plan.Forward.Type == unix.SOCK_DGRAM {
		listens = 0
	}
	c.add(bindUnix, 0, address, size, file, listens)
	c.add(hold, 0, file)
	return nil
}

// unixAddress makes the socket's struct sockaddr_un.
func (c *compiler) unixAddress() (address, size uintptr, err error) {
	if c.plan.Forward == nil || c.plan.Forward.Path == "" {
		return 0, 0, fmt.Errorf("the plan names no socket")
	}
	name := c.plan.Forward.Path
	raw := &unix.RawSockaddrUnix{Family: unix.AF_UNIX}
	if len(name) >= len(raw.Path) || strings.ContainsRune(name, 0) {
		return 0, 0, unix.ENAMETOOLONG
	}
	for i := range len(name) {
		raw.Path[i] = int8(name[i])
	}
	size = unsafe.Offsetof(raw.Path) + uintptr(len(name))
	if name[0] == '@' {
		raw.Path[0] = 0
	} else {
		size++
	}
	return c.pin(unsafe.Pointer(raw)), size, nil
}

// bindSocket binds the socket to the address args[0] of args[1] bytes and, if args[3] is not 0, listens. If that fails
// it removes the file args[2], if it is not 0.
//
//go:nosplit
//go:norace
func bindSocket(o *instruction) syscall.Errno {
	_, _, errno := syscall.RawSyscall(unix.SYS_BIND, socketFD, o.args[0], o.args[1])
	if errno != 0 || o.args[3] == 0 {
		return errno
	}
	_, _, errno = syscall.RawSyscall(unix.SYS_LISTEN, socketFD, backlog, 0)
	if errno != 0 {
		unlinkFile(o.args[2])
	}
	return errno
}

// holdSocket says that the socket can be taken, and waits for the helper. If the helper ends, it removes the file args[0],
// if it is not 0: nobody else does yet.
//
//go:nosplit
//go:norace
func holdSocket(p *program, o *instruction) syscall.Errno {
	_ = notifyHelper(p)
	for {
		n, _, errno := syscall.RawSyscall(unix.SYS_READ, p.sync, uintptr(unsafe.Pointer(&p.cwd[0])), 1)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 || n != 1 {
			unlinkFile(o.args[0])
		}
		exitNow(statusSucceeded)
	}
}

//go:nosplit
//go:norace
func unlinkFile(path uintptr) {
	if path != 0 {
		_, _, _ = syscall.RawSyscall(unix.SYS_UNLINKAT, atCwd, path, 0)
	}
}
