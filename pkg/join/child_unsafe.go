//go:build linux

package join

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The rules for code that runs in the child.
//
// setns(2) to a user or time namespace requires a process with one thread. A Go program has several
// threads, but its fork has one. Locks of the runtime may be held by threads that don't exist in the
// child, so the child must not allocate, block in the scheduler, or grow its stack. It runs only functions
// of this file, find_unsafe.go, fork_unsafe.go, report_unsafe.go and unixsocket_unsafe.go. All of them are nosplit and make raw
// system calls with values that were prepared before the fork. Then the child executes the command or
// exits.

// action is how an instruction is carried out.
type action uint8

const (
	call           action = iota // a system call that must succeed
	try                          // a call that may fail
	ifKnown                      // a call that must succeed, unless the kernel lacks it
	unlessInCgroup               // a call that is made only if the process was not cloned into its cgroup
	joinAtOnce                   // setns on a pidfd; EINVAL makes the joinEach that follow run
	joinEach                     // setns on one namespace's file, if joinAtOnce got EINVAL
	enter                        // chdir; some errors leave it to an enterAgain
	enterAgain                   // chdir, if enter has left args[1] to do
	checkInside                  // check that the working directory is inside the root; if it is this process's own in /proc, leave args[0] to do
	checkAgain                   // the same, if enter has left args[1] to do
	moveMount                    // move a mount, or copy it with the flags args[5]; it may be missing
	mountTree                    // clone a mount with those beneath it, and attach it elsewhere
	writeAt                      // write a file, as writeFile does
	loopback                     // socket, ioctl, close: set lo up by the struct ifreq at args[0]
	lowerPipes                   // give the two pipes the descriptors args[0] and args[1]
	closeRange                   // close the descriptors from args[0] to before args[1]
	becomeVisible                // from here on the process reports as one in the container's pid namespace
	forkAgain                    // go on in a child whose parent is the helper
	await                        // request args[0], or report ready; wait for the helper
	bindUnix                     // bind the UNIX socket, and listen
	hold                         // keep the socket until the helper has taken it
	find                         // choose the file to execute
	execute                      // execve it

	callInto      // a call that returns a descriptor, which is duplicated to args[5]
	reportMount   // report the numbers of the mount at the descriptor args[0]
	awaitOrDetach // report ready; wait for the helper, or detach the mount
	detachMount   // detach the mount at the name args[1] in the directory args[0]
)

// instruction is one action of the child, with its arguments.
type instruction struct {
	do   action
	step int32 // the plan's, -1 before the first
	call uintptr
	args [6]uintptr
}

// program is what the child does, and all the memory it needs. The helper keeps it alive.
type program struct {
	code   []instruction
	report *report // the first child's; nil if it reports nothing
	notify uintptr // the children's end of the notify pipe
	sync   uintptr // the children's end of the sync pipe
	lastFD uintptr // the highest descriptor that may be open, if the kernel lacks close_range(2)
	// cloneInto is for a clone into the cgroup; zero for a fork.
	cloneInto cloneArgs
	paths     []*byte // files to try, as C strings
	search    bool    // paths come from PATH
	takes     bool    // the helper takes a socket of the process, which executes nothing
	argv      []*byte
	envv      []*byte
	cwd       [unix.PathMax]byte
	statx     [256]byte // struct statx

	failures []failure        // what the second child's exit status can report
	pins     []unsafe.Pointer // what the addresses in code point to
	files    []*os.File       // the files whose descriptors code uses, until close

	// The child's state.
	inCgroup bool          // it was cloned into the cgroup of cloneInto
	visible  bool          // it may be in the container's pid namespace
	released bool          // the helper has settled
	found    int           // index in paths; storing a pointer may run the collector
	fs       unix.Statfs_t // the working directory's
	each     bool
	left     uintptr // what enter could not do
}

// What enter leaves to enterAgain.
const (
	leftNothing = iota
	leftToUser  // root may not enter it
	leftInside  // only a process in the pid namespace may find it, or it is this process's own in /proc
)

// The pipes are above the standard streams, which are duplicated to their numbers while the pipes
// are open, and below 64, so that the command's table of descriptors is as small as docker exec's.
const (
	abovePlain = 10
	maxFD      = 1<<31 - 1
)

// run runs the code; it doesn't return.
//
//go:nosplit
//go:norace
func run(p *program) {
	for i := range p.code {
		o := &p.code[i]
		if errno := do(p, o); errno != 0 {
			fail(p, messageFailed, o.step, errno)
		}
	}
	exitNow(statusSucceeded)
}

//go:nosplit
//go:norace
func do(p *program, o *instruction) syscall.Errno {
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
	case unlessInCgroup:
		if p.inCgroup {
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
			return checkCwd(p, o)
		}
		return 0
	case checkInside:
		errno := checkCwd(p, o)
		if errno == 0 && o.args[0] != 0 && isOwnProc(p) {
			p.left = o.args[0]
		}
		return errno
	case moveMount:
		return moveOrBind(o)
	case mountTree:
		return cloneAndAttach(p, o)
	case writeAt:
		return writeFile(o)
	case loopback:
		return loopbackUp(o.args[0])
	case lowerPipes:
		return lowerFDs(p, o)
	case closeRange:
		return closeFrom(p, o.args[0], o.args[1])
	case becomeVisible:
		p.visible = true
		return 0
	case forkAgain:
		return forkSecond(p, o)
	case await:
		return awaitHelper(p, o)
	case bindUnix:
		return bindSocket(o)
	case hold:
		return holdSocket(p, o)
	case find:
		return findFile(p, o)
	case callInto:
		return callAndKeep(o)
	case reportMount:
		return reportNumbers(p, o)
	case detachMount:
		return detachAll(o.args[0], o.args[1])
	case awaitOrDetach:
		return awaitVerified(p, o)
	case execute:
		_, _, errno := syscall.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(p.paths[p.found])),
			uintptr(unsafe.Pointer(&p.argv[0])), uintptr(unsafe.Pointer(&p.envv[0])))
		return errno
	}
	return unix.ENOTSUP
}

//go:nosplit
//go:norace
func raw(o *instruction) syscall.Errno {
	_, _, errno := syscall.RawSyscall6(o.call, o.args[0], o.args[1], o.args[2], o.args[3], o.args[4], o.args[5])
	return errno
}

// checkCwd fails if the working directory can't be reached from the root: its path is then
// "(unreachable)/…". With a leaked descriptor as its directory, a command could leave the container
// (CVE-2024-21626).
//
//go:nosplit
//go:norace
func checkCwd(p *program, o *instruction) syscall.Errno {
	_, _, errno := syscall.RawSyscall(unix.SYS_GETCWD, uintptr(unsafe.Pointer(&p.cwd[0])), uintptr(len(p.cwd)), 0)
	if errno == 0 && p.cwd[0] != '/' {
		fail(p, messageOutside, o.step, unix.ENOENT)
	}
	return errno
}

// isOwnProc reports whether the working directory, whose path checkCwd has read, is in this process's own
// directory of a /proc. If it was named /proc/self, the command, a fork of this process, needs another one.
//
//go:nosplit
//go:norace
func isOwnProc(p *program) bool {
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

// lowerFDs duplicates the pipes to other numbers; the old ones are closed later.
//
//go:nosplit
//go:norace
func lowerFDs(p *program, o *instruction) syscall.Errno {
	for i, fd := range [2]*uintptr{&p.notify, &p.sync} {
		if _, _, errno := syscall.RawSyscall(unix.SYS_DUP3, *fd, o.args[i], unix.O_CLOEXEC); errno != 0 {
			return errno
		}
		*fd = o.args[i]
	}
	return 0
}

// moveOrBind calls mount(2) with the paths at args[0] and args[1] and the flags args[3]. EINVAL means that
// the mount is locked, since it came from a user namespace with more rights: then it is copied, with the
// flags args[5]. A missing mount or mount point hides nothing and is not an error.
//
//go:nosplit
//go:norace
func moveOrBind(o *instruction) syscall.Errno {
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

// cloneAndAttach clones the mount at the path args[0] with the mounts beneath it, and attaches the clone at
// args[1]. args[2] is "". The path's last component is not followed, nor triggers an automount. args[3] numbers
// the mount in a report.
//
//go:nosplit
//go:norace
func cloneAndAttach(p *program, o *instruction) syscall.Errno {
	const clone = unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_RECURSIVE | unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
	fd, _, errno := syscall.RawSyscall(unix.SYS_OPEN_TREE, atCwd, o.args[0], clone)
	if errno == 0 {
		_, _, errno = syscall.RawSyscall6(unix.SYS_MOVE_MOUNT, fd, o.args[2], atCwd, o.args[1], unix.MOVE_MOUNT_F_EMPTY_PATH, 0)
		_, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
	}
	if errno != 0 {
		p.report.mount = uint32(o.args[3])
	}
	return errno
}

// writeFile writes the args[3] bytes at args[2] to the file args[1] in the directory args[0], which is opened with the
// flags args[4]. If it is made, everybody may read it, whatever the umask is.
//
//go:nosplit
//go:norace
func writeFile(o *instruction) syscall.Errno {
	fd, _, errno := syscall.RawSyscall6(unix.SYS_OPENAT, o.args[0], o.args[1], unix.O_WRONLY|unix.O_CLOEXEC|o.args[4], 0, 0, 0)
	if errno != 0 {
		return errno
	}
	n, _, errno := syscall.RawSyscall(unix.SYS_WRITE, fd, o.args[2], o.args[3])
	if errno == 0 && n != o.args[3] {
		errno = unix.ENOSPC
	}
	if errno == 0 && o.args[4]&unix.O_CREAT != 0 {
		_, _, errno = syscall.RawSyscall(unix.SYS_FCHMOD, fd, readableByAll, 0)
	}
	_, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
	return errno
}

// readableByAll is the mode of a file that writeFile makes.
const readableByAll = 0o444

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

// closeFrom closes the descriptors from first to before end. Linux before 5.9 has no close_range(2):
// then the helper has set lastFD.
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
