//go:build linux

package join

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The three hooks are those that package syscall calls around a fork. The runtime keeps their names
// for gVisor, see go.dev/issue/67401.

//go:linkname beforeFork syscall.runtime_BeforeFork
func beforeFork()

//go:linkname afterFork syscall.runtime_AfterFork
func afterFork()

//go:linkname afterForkInChild syscall.runtime_AfterForkInChild
func afterForkInChild()

// fork starts a child that runs p, and returns its process number.
//
//go:noinline
//go:norace
func fork(p *program) (int, syscall.Errno) {
	beforeFork()
	p.inCgroup = p.cloneInto.cgroup != 0
	pid, errno := cloneIntoCgroup(p)
	if errno != 0 {
		p.inCgroup = false
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

// clone forks. On s390x the flags are the second argument. With CLONE_PARENT_SETTID the kernel writes
// the child's process number to number, in the parent's memory, before the child runs.
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

// cloneIntoCgroup forks a child into a cgroup, since Linux 5.7. After an error the caller forks without.
//
//go:nosplit
//go:norace
func cloneIntoCgroup(p *program) (uintptr, syscall.Errno) {
	if !p.inCgroup {
		return 0, unix.ENOSYS
	}
	pid, _, errno := syscall.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&p.cloneInto)), unsafe.Sizeof(p.cloneInto), 0)
	return pid, errno
}

// forkSecond forks the second child: a process that joins a pid namespace stays outside; only its
// children are in it. With CLONE_PARENT the helper is the parent of both.
//
//go:nosplit
//go:norace
func forkSecond(p *program, _ *instruction) syscall.Errno {
	pid, errno := clone(uintptr(unix.SIGCHLD)|unix.CLONE_PARENT|unix.CLONE_PARENT_SETTID, &p.report.child)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		p.visible = true
		return 0
	}
	exitNow(statusSucceeded)
	return 0
}
