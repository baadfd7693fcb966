//go:build linux

package join

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The three hooks are those that the syscall package forks with; the runtime
// keeps their names for gVisor, see go.dev/issue/67401.

//go:linkname beforeFork syscall.runtime_BeforeFork
func beforeFork()

//go:linkname afterFork syscall.runtime_AfterFork
func afterFork()

//go:linkname afterForkInChild syscall.runtime_AfterForkInChild
func afterForkInChild()

// fork starts a child that runs p, and returns its number.
//
//go:noinline
//go:norace
func fork(p *program) (int, syscall.Errno) {
	beforeFork()
	p.born = p.birth.cgroup != 0
	pid, errno := bear(p)
	if errno != 0 {
		p.born = false
		pid, errno = clone(uintptr(unix.SIGCHLD), nil)
	}
	if errno != 0 || pid != 0 {
		afterFork()
		return int(pid), errno
	}
	afterForkInChild()
	run(p)
	return 0, 0 // not reached
}

// clone forks; the kernel for s390x takes the flags second. With CLONE_PARENT_SETTID
// it writes the child's number to number, in the parent's memory, before the child runs.
//
//go:nosplit
//go:norace
func clone(flags uintptr, number *int32) (uintptr, syscall.Errno) {
	stack := uintptr(0)
	if runtime.GOARCH == "s390x" {
		flags, stack = stack, flags
	}
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, flags, stack, uintptr(unsafe.Pointer(number)), 0, 0, 0)
	return pid, errno
}

// cloneArgs is struct clone_args, clone3(2).
type cloneArgs struct {
	flags, pidfd, childTID, parentTID, exitSignal uint64
	stack, stackSize, tls, setTID, setTIDSize     uint64
	cgroup                                        uint64
}

// bear forks a child into a cgroup, which Linux can since 5.7. An error means that
// it has to be done otherwise.
//
//go:nosplit
//go:norace
func bear(p *program) (uintptr, syscall.Errno) {
	if !p.born {
		return 0, unix.ENOSYS
	}
	pid, _, errno := syscall.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&p.birth)), unsafe.Sizeof(p.birth), 0)
	return pid, errno
}

// again forks once more: a process that joins a pid namespace stays outside, its
// children are in it. With CLONE_PARENT the helper is the parent of both.
//
//go:nosplit
//go:norace
func again(p *program, _ *op) syscall.Errno {
	pid, errno := clone(uintptr(unix.SIGCHLD)|unix.CLONE_PARENT|unix.CLONE_PARENT_SETTID, &p.word.child)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		p.seen = true
		return 0
	}
	exitNow(statusSucceeded)
	return 0
}
