//go:build linux

package join

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// What the children report, and how far the helper trusts it.
//
// The first child is outside of the container's pid namespace: nothing in the
// container can reach it. Its report is in memory that it shares with the
// helper, and trusted.
//
// The second child is in that namespace. With CAP_SYS_PTRACE the container's root
// controls it and every pipe that it holds. It never has the shared memory: the first child
// marks it as not inherited (MADV_DONTFORK). All it can send is a byte of any value
// on the notify pipe: first it means ready and, once the helper has released the child,
// failed. The reason for the failure is the child's exit status, which the helper learns from the
// kernel: the index of an entry in a table. So a forged report changes only the text of a message
// about the container's own command, and names no process.

// report is what the first child reports.
type report struct {
	// The numbers of a mount before it is attached. They come first, for their alignment on 32-bit systems.
	mountID, uniqueID uint64

	kind  uint32 // a message; 0 for none
	step  int32  // of the plan; -1 is before the first
	errno uint32
	child int32  // the second child's process number; the kernel writes it before that child runs
	mount uint32 // the number of the view's mount that failed, from 1 on
}

const (
	messageFailed  = 1 // step failed with errno
	messageNoFile  = 2 // no directory of PATH has the command
	messageOutside = 3 // the working directory is outside the root
	messageMap     = 4 // a request to map the IDs of the child's user namespace
)

// failure says where and why a child failed; it is an entry of the table of exit statuses.
type failure struct {
	kind  uint32
	step  int32
	errno syscall.Errno // 0 stands for the errnos of the step that the table lacks
}

// Exit statuses of a child that doesn't become the command.
const (
	statusSucceeded = 0
	statusUnknown   = 1 // no failure, or one that the table lacks, or the helper has ended
	firstFailure    = 2 // for the table's first entry
	lastStatus      = 255
)

// newReport makes the memory for the first child's report.
func newReport() (memory []byte, w *report, err error) {
	memory, err = unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, nil, fmt.Errorf("share memory with the child: %w", err)
	}
	w = (*report)(unsafe.Pointer(&memory[0]))
	w.step = -1 // allocates the page in this process's cgroup, not in the container's, which may be full
	return memory, w, nil
}

// keepReport keeps the memory of the report out of the second child.
func (c *compiler) keepReport(memory []byte) {
	c.call(unix.SYS_MADVISE, uintptr(unsafe.Pointer(&memory[0])), uintptr(len(memory)), unix.MADV_DONTFORK)
}

// exitStatusFor returns the exit status that reports a failure.
//
//go:nosplit
//go:norace
func exitStatusFor(p *program, kind uint32, step int32, errno syscall.Errno) uintptr {
	status := uintptr(statusUnknown)
	for i := range p.failures {
		v := &p.failures[i]
		if v.kind == kind && v.step == step {
			if v.errno == errno {
				return uintptr(i) + firstFailure
			}
			if v.errno == 0 {
				status = uintptr(i) + firstFailure
			}
		}
	}
	return status
}

// fail reports a failure and ends the child.
//
//go:nosplit
//go:norace
func fail(p *program, kind uint32, step int32, errno syscall.Errno) {
	if !p.visible {
		p.report.step, p.report.errno = step, uint32(errno)
		p.report.kind = kind
		exitNow(statusUnknown)
	}
	if p.released && notifyHelper(p) != 0 {
		// The container's filter forbids write(2): the helper takes the status for the command's own.
		if errno == unix.ENOENT || errno == unix.ENOTDIR {
			exitNow(exit.NotFound)
		}
		exitNow(exit.CannotRun)
	}
	exitNow(exitStatusFor(p, kind, step, errno))
}

// notifyHelper writes a byte to the notify pipe.
//
//go:nosplit
//go:norace
func notifyHelper(p *program) syscall.Errno {
	_, _, errno := syscall.RawSyscall(unix.SYS_WRITE, p.notify, uintptr(unsafe.Pointer(&p.cwd[0])), 1)
	return errno
}

// awaitHelper notifies the helper and waits for its byte. If the helper has ended, the child exits.
//
//go:nosplit
//go:norace
func awaitHelper(p *program, o *instruction) syscall.Errno {
	if !p.visible {
		p.report.kind = uint32(o.args[0])
	}
	_ = notifyHelper(p)
	for {
		n, _, errno := syscall.RawSyscall(unix.SYS_READ, p.sync, uintptr(unsafe.Pointer(&p.cwd[0])), 1)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 || n != 1 {
			exitNow(statusUnknown)
		}
		p.released = p.visible && !p.takes // else its exit status reports failures until the end
		return 0
	}
}

//go:nosplit
//go:norace
func exitNow(status uintptr) {
	// The container's filter may forbid both calls: then the child dies of SIGSEGV.
	_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, status, 0, 0)
	_, _, _ = syscall.RawSyscall(unix.SYS_EXIT, status, 0, 0)
	for nowhere := (*byte)(nil); ; {
		*nowhere = 0 //nolint:staticcheck,govet // on purpose
	}
}
