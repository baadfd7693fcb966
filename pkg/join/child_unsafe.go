//go:build linux

package join

import (
	"os"
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
// the functions of this file and of find, fork and report_unsafe.go, which are all
// nosplit and make raw system calls on values that were prepared before, and then
// it executes or exits.

// action says how an op is done.
type action uint8

const (
	call        action = iota // a system call that must succeed
	try                       // a call that may fail
	ifKnown                   // a call that must succeed, but where the kernel has no such call
	unlessBorn                // a call that is made only if the process was not born into its cgroup
	joinAtOnce                // setns on a pidfd; EINVAL makes the joinEach that follow run
	joinEach                  // setns on one namespace's file, if joinAtOnce couldn't
	enter                     // chdir; some errors are left to an enterAgain
	enterAgain                // chdir, where enter has left args[1] to do
	checkInside               // getcwd gives a path that starts at the root
	checkAgain                // the same, where enter has left args[1] to do
	carry                     // move a mount, or copy it with the flags at args[5]; none need be there
	writeProc                 // open, write, close: the text at args[2] of args[3] bytes
	loopback                  // socket, ioctl, close: set lo up by the struct ifreq at args[0]
	lowerPipes                // give the two pipes the descriptors args[0] and args[1]
	closeRange                // close the descriptors from args[0] to before args[1]
	beSeen                    // from here on the process tells no more than one in the container may
	forkAgain                 // go on in a child whose parent is the helper
	await                     // ask for args[0], or say ready; wait for the helper's word
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
	word   *word   // the first child's, nil where nothing is told
	said   uintptr // descriptor that the second child's byte is written to
	gate   uintptr // descriptor that the helper's word is read from
	lastFD uintptr // the highest descriptor that may be open, where close_range(2) is missing
	birth  cloneArgs
	paths  []*byte // files to try, as C strings
	search bool    // they come from PATH
	argv   []*byte
	envv   []*byte
	cwd    [unix.PathMax]byte
	statx  [256]byte // struct statx

	verdicts []verdict        // what the second child's exit status may say
	pins     []unsafe.Pointer // what the ops' addresses lead to
	files    []*os.File       // what their descriptors belong to, until it is closed

	// What the child found out.
	born   bool          // into the cgroup of birth
	seen   bool          // it may be in the container's pid namespace
	passed bool          // the helper has settled
	found  int           // in paths; an index, since a pointer's store may run the collector
	fs     unix.Statfs_t // of the working directory
	each   bool
	left   uintptr // what enter could not do
}

// What enter leaves to be done.
const (
	leftNothing = iota
	leftToUser  // root may not enter it
	leftInside  // it is not there, for a process that is not in the pid namespace, or it is this process's own
)

// The two pipes are above the standard streams, which are put in their places
// while they are open, and below 64, so that the command's table of descriptors
// is as small as docker exec's.
const (
	abovePlain = 10
	maxFD      = 1<<31 - 1
)

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
	case try:
		_ = raw(o)
		return 0
	case ifKnown:
		if errno := raw(o); errno != unix.ENOSYS {
			return errno
		}
		return 0
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
		switch {
		case errno == unix.EACCES || errno == unix.EPERM:
			p.left = leftToUser
		case errno == unix.ENOENT && o.args[1] != 0:
			p.left = leftInside
		default:
			return errno
		}
		return 0
	case enterAgain:
		if p.left == o.args[1] {
			return raw(o)
		}
		return 0
	case checkAgain:
		if p.left == o.args[1] {
			return inside(p, o)
		}
		return 0
	case checkInside:
		errno := inside(p, o)
		if errno == 0 && o.args[0] != 0 && ofProcess(p) {
			p.left = o.args[0]
		}
		return errno
	case carry:
		return carryMount(o)
	case writeProc:
		return writeFile(o)
	case loopback:
		return loopbackUp(o.args[0])
	case lowerPipes:
		return lower(p, o)
	case closeRange:
		return closeFrom(p, o.args[0], o.args[1])
	case beSeen:
		p.seen = true
		return 0
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

// ofProcess tells whether the working directory, of which inside has the path, is this process's own in
// a /proc: what /proc/self was for it is another directory for the process that it forks.
//
//go:nosplit
//go:norace
func ofProcess(p *program) bool {
	here := [2]byte{'.', 0}
	_, _, errno := syscall.RawSyscall(unix.SYS_STATFS, uintptr(unsafe.Pointer(&here)), uintptr(unsafe.Pointer(&p.fs)), 0)
	if errno != 0 || uint32(p.fs.Type) != unix.PROC_SUPER_MAGIC {
		return false
	}
	pid, _, _ := syscall.RawSyscall(unix.SYS_GETPID, 0, 0, 0)
	number, digits := uintptr(0), false
	for i := range p.cwd {
		switch c := p.cwd[i]; {
		case c == '/' || c == 0:
			if digits && number == pid {
				return true
			}
			if c == 0 {
				return false
			}
			number, digits = 0, true
		case c >= '0' && c <= '9':
			number = number*10 + uintptr(c-'0')
		default:
			digits = false
		}
	}
	return false
}

// lower gives the pipes other numbers; the old ones are closed later.
//
//go:nosplit
//go:norace
func lower(p *program, o *op) syscall.Errno {
	for i, fd := range [2]*uintptr{&p.said, &p.gate} {
		if _, _, errno := syscall.RawSyscall(unix.SYS_DUP3, *fd, o.args[i], unix.O_CLOEXEC); errno != 0 {
			return errno
		}
		*fd = o.args[i]
	}
	return 0
}

// carryMount does mount(2) on the paths at args[0] and args[1] with the flags args[3]. EINVAL is
// that of a mount which is locked, since it came from a user namespace with more rights: it is
// mounted there once more, with the flags args[5]. A mount that is gone, or whose place isn't
// there, hides nothing.
//
//go:nosplit
//go:norace
func carryMount(o *op) syscall.Errno {
	_, _, errno := syscall.RawSyscall6(o.call, o.args[0], o.args[1], 0, o.args[3], 0, 0)
	if errno == unix.EINVAL {
		errno = 0
		if o.args[5] != 0 {
			_, _, errno = syscall.RawSyscall6(o.call, o.args[0], o.args[1], 0, o.args[5], 0, 0)
		}
	}
	if errno == unix.ENOENT {
		return 0
	}
	return errno
}

// writeFile writes a text to the file args[1] beneath the directory args[0].
//
//go:nosplit
//go:norace
func writeFile(o *op) syscall.Errno {
	fd, _, errno := syscall.RawSyscall6(unix.SYS_OPENAT, o.args[0], o.args[1], unix.O_WRONLY|unix.O_CLOEXEC, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	_, _, errno = syscall.RawSyscall(unix.SYS_WRITE, fd, o.args[2], o.args[3])
	_, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
	return errno
}

// loopbackUp sets lo up in the process's new network namespace, as the runtime does
// for a container without a network. request is a struct ifreq.
//
//go:nosplit
//go:norace
func loopbackUp(request uintptr) syscall.Errno {
	fd, _, errno := syscall.RawSyscall(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if errno != 0 {
		return errno
	}
	_, _, errno = syscall.RawSyscall(unix.SYS_IOCTL, fd, unix.SIOCSIFFLAGS, request)
	_, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
	return errno
}

// closeFrom closes the descriptors from first to before end. Linux before 5.9
// has no close_range; the helper has looked up to where there are any then.
//
//go:nosplit
//go:norace
func closeFrom(p *program, first, end uintptr) syscall.Errno {
	if first == end {
		return 0
	}
	if p.lastFD == 0 {
		_, _, errno := syscall.RawSyscall(unix.SYS_CLOSE_RANGE, first, end-1, 0)
		return errno
	}
	for fd := first; fd < end && fd <= p.lastFD; fd++ {
		_, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
	}
	return 0
}
