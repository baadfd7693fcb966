//go:build linux

package join

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// What the children tell, and how far it is believed.
//
// The first child is outside of the container's pid namespace: nothing in the
// container can reach it. What it tells is in memory that it shares with the
// helper, and believed.
//
// The second child is in that namespace. With CAP_SYS_PTRACE the container's root
// controls it and every pipe that it holds. It has no part of that
// memory: the first child keeps it from being inherited, so that there is no moment at
// which it could be reached. All it can tell is a byte, whatever that is, on the
// pipe: that it is ready, and once it was let go on, that it failed. Why it failed is
// the number of an entry in a table, as its exit status, which the kernel tells. So
// a lie changes the text of a message about the liar's own command, and names no process.

// word is what the first child tells.
type word struct {
	kind  uint32 // a message; 0 for none
	step  int32  // of the plan; -1 is before the first
	errno uint32
	child int32 // the second child's number; the kernel writes it before that runs
}

const (
	messageFailed  = 1 // with errno
	messageNoFile  = 2 // no directory of PATH has the command
	messageOutside = 3 // the working directory is outside the root
	messageMap     = 4 // the helper is to map our user namespace's ids
)

// verdict is an entry of the table of what the second child may say of its end.
type verdict struct {
	kind  uint32
	step  int32
	errno syscall.Errno // 0 for one that the table doesn't have for that step
}

// Exit statuses of a child that doesn't become the command.
const (
	statusSucceeded = 0
	statusUntold    = 1 // there is nothing to tell, or nobody to tell it to
	firstVerdict    = 2 // of the table's first entry
	lastStatus      = 255
)

// newWord makes the memory that the first child tells what happens in.
func newWord() (memory []byte, w *word, err error) {
	memory, err = unix.Mmap(-1, 0, unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, nil, fmt.Errorf("memory to share with the child: %w", err)
	}
	w = (*word)(unsafe.Pointer(&memory[0]))
	w.step = -1 // so that it is this process's page, not one that a full cgroup has no place for
	return memory, w, nil
}

// keepWord keeps the memory of the first child's word out of the second one.
func (c *compiler) keepWord(memory []byte) {
	c.call(unix.SYS_MADVISE, uintptr(unsafe.Pointer(&memory[0])), uintptr(len(memory)), unix.MADV_DONTFORK)
}

// verdictOf is the exit status that says what failed.
//
//go:nosplit
//go:norace
func verdictOf(p *program, kind uint32, step int32, errno syscall.Errno) uintptr {
	status := uintptr(statusUntold)
	for i := range p.verdicts {
		v := &p.verdicts[i]
		if v.kind == kind && v.step == step {
			if v.errno == errno {
				return uintptr(i) + firstVerdict
			}
			if v.errno == 0 {
				status = uintptr(i) + firstVerdict
			}
		}
	}
	return status
}

// fail ends a child that can't go on.
//
//go:nosplit
//go:norace
func fail(p *program, kind uint32, step int32, errno syscall.Errno) {
	if !p.seen {
		p.word.step, p.word.errno = step, uint32(errno)
		p.word.kind = kind
		exitNow(statusUntold)
	}
	if p.passed && say(p) != 0 {
		// The container's filter forbids it, and the status is taken for the command's own.
		if errno == unix.ENOENT || errno == unix.ENOTDIR {
			exitNow(exit.NotFound)
		}
		exitNow(exit.CannotRun)
	}
	exitNow(verdictOf(p, kind, step, errno))
}

// say writes the byte that is all the helper hears.
//
//go:nosplit
//go:norace
func say(p *program) syscall.Errno {
	_, _, errno := syscall.RawSyscall(unix.SYS_WRITE, p.said, uintptr(unsafe.Pointer(&p.cwd[0])), 1)
	return errno
}

// wait tells the helper that it has to do something and goes on at its word. Where the
// helper is gone, nobody wants the command any more.
//
//go:nosplit
//go:norace
func wait(p *program, o *op) syscall.Errno {
	if !p.seen {
		p.word.kind = uint32(o.args[0])
	}
	_ = say(p)
	for {
		n, _, errno := syscall.RawSyscall(unix.SYS_READ, p.gate, uintptr(unsafe.Pointer(&p.cwd[0])), 1)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 || n != 1 {
			exitNow(statusUntold)
		}
		p.passed = p.seen
		return 0
	}
}

//go:nosplit
//go:norace
func exitNow(status uintptr) {
	// A filter of the container's can forbid the first, and the second: then it dies by SIGSEGV.
	_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, status, 0, 0)
	_, _, _ = syscall.RawSyscall(unix.SYS_EXIT, status, 0, 0)
	for nowhere := (*byte)(nil); ; {
		*nowhere = 0 //nolint:staticcheck,govet // it is meant
	}
}
