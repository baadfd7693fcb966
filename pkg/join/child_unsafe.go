//go:build linux

package join

import (
	"io"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The rules of the child.
//
// setns(2) to a user or time namespace takes a process of one thread, which no
// Go program is. A fork has one. But only the forking thread lives on in the
// child: locks of the runtime may be held by threads that are gone, so the
// child must not allocate, block in the scheduler, or grow its stack. It runs
// the functions of this file, which are all nosplit and make raw system calls
// on values that were prepared before, and then it executes or exits.
//
// The three hooks are those that the syscall package forks with; the runtime
// keeps their names for gVisor, see go.dev/issue/67401.

//go:linkname beforeFork syscall.runtime_BeforeFork
func beforeFork()

//go:linkname afterFork syscall.runtime_AfterFork
func afterFork()

//go:linkname afterForkInChild syscall.runtime_AfterForkInChild
func afterForkInChild()

// action says how an op is done.
type action uint8

const (
	call        action = iota // a system call that must succeed
	unlessBorn                // a call that is made only if the process was not born into its cgroup
	joinAtOnce                // setns on a pidfd; EINVAL makes the joinEach that follow run
	joinEach                  // setns on one namespace's file, if joinAtOnce couldn't
	enter                     // chdir; EACCES is left to enterAgain
	enterAgain                // chdir, where enter was not allowed to
	checkInside               // getcwd gives a path that starts at the root
	writeLabel                // open, write, close
	closeRange                // close the descriptors from args[0] to before args[1]
	forkAgain                 // go on in a child whose parent is the helper
	await                     // send the message args[0], wait for the helper's word
	find                      // choose the file to execute
	execute                   // execve it
)

// op is one thing that the child does, its arguments fixed beforehand.
type op struct {
	do   action
	step int32 // of the plan
	call uintptr
	args [6]uintptr
}

// program is all that the child does and needs. The helper keeps it alive.
type program struct {
	ops    []op
	status uintptr // descriptor that messages are written to
	gate   uintptr // descriptor that the helper's word is read from
	birth  cloneArgs
	paths  []*byte // files to try, as C strings
	search bool    // they come from PATH
	argv   []*byte
	envv   []*byte
	label  []byte
	cwd    [unix.PathMax]byte
	statx  [256]byte // struct statx

	pins  []unsafe.Pointer // what the ops' addresses lead to
	files []*os.File       // what their descriptors belong to

	// What the child found out.
	born       bool // into the cgroup of birth
	found      int  // in paths; an index, since a pointer's store may run the collector
	each       bool
	notEntered bool
}

// message is what the child writes: one of these, in the machine's byte order.
type message struct {
	Kind  uint32
	Step  int32
	Value uint32 // an errno or a process's number
}

const (
	messageFailed   = 1 // Value is an errno
	messageNoFile   = 2 // no directory of PATH has the command
	messageOutside  = 3 // the working directory is outside the root
	messageForked   = 4 // Value is the number of the process that goes on
	messageReady    = 5 // the helper may settle
	messageMap      = 6 // the helper is to map our user namespace's ids
	statusSucceeded = 0
)

// The two pipes are above the standard streams, which are put in their places
// while they are open, and below 64, so that the command's table of descriptors
// is as small as docker exec's.
const (
	abovePlain = 10
	maxFD      = 1<<31 - 1
)

// receive reads a message of the child's.
func receive(from io.Reader) (message, error) {
	var m message
	_, err := io.ReadFull(from, unsafe.Slice((*byte)(unsafe.Pointer(&m)), unsafe.Sizeof(m)))
	return m, err
}

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
		pid, errno = clone(uintptr(unix.SIGCHLD))
	}
	if errno != 0 || pid != 0 {
		afterFork()
		return int(pid), errno
	}
	afterForkInChild()
	run(p)
	return 0, 0 // not reached
}

// clone forks; the kernel for s390x takes the flags second.
//
//go:nosplit
//go:norace
func clone(flags uintptr) (uintptr, syscall.Errno) {
	stack := uintptr(0)
	if runtime.GOARCH == "s390x" {
		flags, stack = stack, flags
	}
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, flags, stack, 0, 0, 0, 0)
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

// run does the ops one after another; it doesn't return.
//
//go:nosplit
//go:norace
func run(p *program) {
	for i := range p.ops {
		o := &p.ops[i]
		if errno := do(p, o); errno != 0 {
			fail(p, messageFailed, o.step, errno)
		}
	}
	exitNow(statusSucceeded)
}

//go:nosplit
//go:norace
func do(p *program, o *op) syscall.Errno {
	switch o.do {
	case call:
		return raw(o)
	case unlessBorn:
		if p.born {
			return 0
		}
		return raw(o)
	case joinAtOnce:
		errno := raw(o)
		p.each = errno == unix.EINVAL // Linux before 5.8 takes no pidfd
		if p.each {
			return 0
		}
		return errno
	case joinEach:
		if p.each {
			return raw(o)
		}
		return 0
	case enter:
		errno := raw(o)
		p.notEntered = errno == unix.EACCES || errno == unix.EPERM
		if p.notEntered {
			return 0
		}
		return errno
	case enterAgain:
		if p.notEntered {
			return raw(o)
		}
		return 0
	case checkInside:
		return inside(p, o)
	case writeLabel:
		return label(p, o)
	case closeRange:
		return closeFrom(o.args[0], o.args[1])
	case forkAgain:
		return again(p, o)
	case await:
		return wait(p, o)
	case find:
		return look(p, o)
	case execute:
		_, _, errno := syscall.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(p.paths[p.found])),
			uintptr(unsafe.Pointer(&p.argv[0])), uintptr(unsafe.Pointer(&p.envv[0])))
		return errno
	}
	return unix.ENOTSUP
}

//go:nosplit
//go:norace
func raw(o *op) syscall.Errno {
	_, _, errno := syscall.RawSyscall6(o.call, o.args[0], o.args[1], o.args[2], o.args[3], o.args[4], o.args[5])
	return errno
}

// inside fails where the working directory can't be reached from the root: the
// kernel then says "(unreachable)/…". A container could have us step out of it
// by a descriptor that leaked (CVE-2024-21626).
//
//go:nosplit
//go:norace
func inside(p *program, o *op) syscall.Errno {
	_, _, errno := syscall.RawSyscall(unix.SYS_GETCWD, uintptr(unsafe.Pointer(&p.cwd[0])), uintptr(len(p.cwd)), 0)
	if errno == 0 && p.cwd[0] != '/' {
		fail(p, messageOutside, o.step, unix.ENOENT)
	}
	return errno
}

// label writes p.label to the file args[1] beneath the directory args[0].
//
//go:nosplit
//go:norace
func label(p *program, o *op) syscall.Errno {
	fd, _, errno := syscall.RawSyscall6(unix.SYS_OPENAT, o.args[0], o.args[1], unix.O_WRONLY|unix.O_CLOEXEC, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	_, _, errno = syscall.RawSyscall(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(&p.label[0])), uintptr(len(p.label)))
	_, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
	return errno
}

// closeFrom closes the descriptors from first to before end. Linux before 5.9
// has no close_range; the helper never has more than a few dozen.
//
//go:nosplit
//go:norace
func closeFrom(first, end uintptr) syscall.Errno {
	if first == end {
		return 0
	}
	_, _, errno := syscall.RawSyscall(unix.SYS_CLOSE_RANGE, first, end-1, 0)
	if errno != 0 {
		for fd := first; fd < end && fd < 4096; fd++ {
			_, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
		}
	}
	return 0
}

// again forks once more: who joins a pid namespace stays outside, his children
// are in it. With CLONE_PARENT the helper is the parent of both.
//
//go:nosplit
//go:norace
func again(p *program, o *op) syscall.Errno {
	pid, errno := clone(uintptr(unix.SIGCHLD) | unix.CLONE_PARENT)
	if errno != 0 || pid == 0 {
		return errno
	}
	send(p, messageForked, o.step, uint32(pid))
	exitNow(statusSucceeded)
	return 0
}

// wait tells the helper that it has to do something and goes on at its word. Where the
// helper is gone, nobody wants the command any more.
//
//go:nosplit
//go:norace
func wait(p *program, o *op) syscall.Errno {
	send(p, uint32(o.args[0]), o.step, 0)
	for {
		n, _, errno := syscall.RawSyscall(unix.SYS_READ, p.gate, uintptr(unsafe.Pointer(&p.cwd[0])), 1)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 || n != 1 {
			exitNow(1)
		}
		return 0
	}
}

// look chooses the file to execute as Go's exec.LookPath does, which the
// runtime uses: the first that is no directory and may be executed.
//
//go:nosplit
//go:norace
func look(p *program, o *op) syscall.Errno {
	errno := syscall.Errno(unix.ENOENT)
	for i := range p.paths {
		if errno = executable(p, p.paths[i]); errno == 0 {
			p.found = i
			return 0
		}
	}
	if p.search {
		fail(p, messageNoFile, o.step, unix.ENOENT)
	}
	return errno
}

//go:nosplit
//go:norace
func executable(p *program, path *byte) syscall.Errno {
	const modeAt = 28 // of stx_mode, 16 bits, in struct statx
	_, _, errno := syscall.RawSyscall6(unix.SYS_STATX, atCwd, uintptr(unsafe.Pointer(path)), 0,
		unix.STATX_TYPE|unix.STATX_MODE, uintptr(unsafe.Pointer(&p.statx[0])), 0)
	mode := *(*uint16)(unsafe.Pointer(&p.statx[modeAt]))
	if errno == unix.ENOSYS || errno == unix.EPERM {
		// The container's filter doesn't know it, as those of Docker before 18.04.
		mode, errno = kindOf(path)
	}
	if errno != 0 {
		return errno
	}
	if mode&unix.S_IFMT == unix.S_IFDIR {
		return unix.EISDIR
	}
	_, _, errno = syscall.RawSyscall(unix.SYS_FACCESSAT, atCwd, uintptr(unsafe.Pointer(path)), unix.X_OK)
	if errno == unix.ENOSYS || errno == unix.EPERM {
		if mode&0o111 == 0 {
			return unix.EACCES
		}
		return 0
	}
	return errno
}

// kindOf tells of a file without statx(2) whether it is a directory, and takes any
// other one for a file that may be executed.
//
//go:nosplit
//go:norace
func kindOf(path *byte) (mode uint16, errno syscall.Errno) {
	fd, _, errno := syscall.RawSyscall6(unix.SYS_OPENAT, atCwd, uintptr(unsafe.Pointer(path)),
		unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0, 0, 0)
	if errno == 0 {
		_, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
		return unix.S_IFDIR, 0
	}
	if errno == unix.ENOTDIR {
		return unix.S_IFREG | 0o111, 0 // or what is above it: faccessat will tell
	}
	return 0, errno
}

// atCwd is AT_FDCWD as an argument of a raw call.
const atCwd = ^uintptr(99)

//go:nosplit
//go:norace
func send(p *program, kind uint32, step int32, value uint32) {
	m := message{kind, step, value}
	_, _, _ = syscall.RawSyscall(unix.SYS_WRITE, p.status, uintptr(unsafe.Pointer(&m)), unsafe.Sizeof(m))
}

//go:nosplit
//go:norace
func fail(p *program, kind uint32, step int32, errno syscall.Errno) {
	send(p, kind, step, uint32(errno))
	exitNow(1)
}

//go:nosplit
//go:norace
func exitNow(status uintptr) {
	for {
		_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, status, 0, 0)
	}
}
