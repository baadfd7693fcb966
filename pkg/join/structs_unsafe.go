//go:build linux

package join

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// The steps whose system calls take the address of a structure.

// signals makes the process ignore signal N if bit N-1 of ignored is set, and otherwise resets the signal
// to its default action, whatever the caller ignores. It unblocks all signals.
func (c *compiler) signals(ignored uint64) {
	const last, setSize = 64, 8
	none := new([16]uintptr)  // a struct sigaction of SIG_DFL, an empty sigset_t
	ignore := &[16]uintptr{1} // one of SIG_IGN
	for sig := uintptr(1); sig <= last; sig++ {
		action := none
		if ignored&(1<<(sig-1)) != 0 {
			action = ignore
		}
		if sig != uintptr(unix.SIGKILL) && sig != uintptr(unix.SIGSTOP) {
			c.call(unix.SYS_RT_SIGACTION, sig, c.pin(unsafe.Pointer(action)), 0, setSize)
		}
	}
	c.call(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, c.pin(unsafe.Pointer(none)), 0, setSize)
}

// limits sets resource limits. Setting a limit to its current value requires no capability.
func (c *compiler) limits(plan.Step) error {
	for _, l := range c.identity.Limits {
		pair := &[2]uint64{l.Soft, l.Hard} // struct rlimit64
		c.call(unix.SYS_PRLIMIT64, 0, uintptr(l.Resource), c.pin(unsafe.Pointer(pair)), 0)
	}
	return nil
}

// schedule sets how the process is scheduled and, if they differ, on which processors.
func (c *compiler) schedule(plan.Step) error {
	identity := c.identity
	attr := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: identity.Policy, Nice: int32(identity.Nice), Priority: identity.Priority}
	c.call(unix.SYS_SCHED_SETATTR, 0, c.pin(unsafe.Pointer(attr)), 0)
	clamps := &unix.SchedAttr{
		Size: unix.SizeofSchedAttr, Flags: unix.SCHED_FLAG_KEEP_ALL | unix.SCHED_FLAG_UTIL_CLAMP, Util_min: noClamp, Util_max: noClamp,
	}
	c.add(try, unix.SYS_SCHED_SETATTR, 0, c.pin(unsafe.Pointer(clamps)), 0)
	const whoProcess = 1
	c.call(unix.SYS_IOPRIO_SET, whoProcess, 0, uintptr(identity.IOPriority))
	if identity.TimerSlack != 0 { // the policy has changed it
		c.call(unix.SYS_PRCTL, unix.PR_SET_TIMERSLACK, uintptr(identity.TimerSlack))
	}
	if identity.CPUs == nil {
		return nil
	}
	set := &unix.CPUSet{}
	for _, cpu := range identity.CPUs {
		set.Set(cpu)
	}
	c.call(unix.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(*set), c.pin(unsafe.Pointer(set)))
	return nil
}

// noClamp as a utilization value removes the clamp, sched_setattr(2).
const noClamp = 1<<32 - 1

func (c *compiler) groups(groups []uint32) {
	list := uintptr(0)
	if len(groups) > 0 {
		list = c.pin(unsafe.Pointer(&groups[0]))
	}
	c.call(sysSetgroups, uintptr(len(groups)), list)
}

// seccomp loads the filters, the oldest first. Without no_new_privs, that requires CAP_SYS_ADMIN in the
// effective set; after a change of user it is only in the permitted set.
func (c *compiler) seccomp(s plan.Step) error {
	if !c.identity.NoNewPrivileges {
		if err := c.loader(s); err != nil {
			return err
		}
	}
	for _, f := range c.identity.Filters {
		prog := &unix.SockFprog{
			Len:    uint16(len(f.Program)),
			Filter: (*unix.SockFilter)(unsafe.Pointer(&f.Program[0])),
		}
		c.call(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, uintptr(f.Flags), c.pin(unsafe.Pointer(prog)))
	}
	return nil
}

func (c *compiler) capset(permitted, effective, inheritable plan.CapSet) {
	head := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := new([2]unix.CapUserData)
	for i := range data {
		shift := 32 * i
		data[i] = unix.CapUserData{
			Effective:   uint32(effective >> shift),
			Permitted:   uint32(permitted >> shift),
			Inheritable: uint32(inheritable >> shift),
		}
	}
	c.call(unix.SYS_CAPSET, c.pin(unsafe.Pointer(head)), c.pin(unsafe.Pointer(data)))
}

// noExec forbids to execute files of all mounts but the root's, which is the view's tree.
func (c *compiler) noExec(plan.Step) error {
	root, err := c.text("/")
	set := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOEXEC}
	unset := &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_NOEXEC}
	const size = unsafe.Sizeof(unix.MountAttr{})
	c.call(unix.SYS_MOUNT_SETATTR, atCwd, root, unix.AT_RECURSIVE, c.pin(unsafe.Pointer(set)), size)
	c.call(unix.SYS_MOUNT_SETATTR, atCwd, root, 0, c.pin(unsafe.Pointer(unset)), size)
	return err
}

// loopback brings up lo in the process's new network namespace.
func (c *compiler) loopback() error {
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	c.add(loopback, 0, c.pin(unsafe.Pointer(lo)))
	return nil
}

// untilHangup waits until a descriptor hangs up, which a pipe does once no process has it open for
// writing. It does not read.
func (c *compiler) untilHangup(fd int32) {
	poll := &unix.PollFd{Fd: fd}
	c.call(unix.SYS_PPOLL, c.pin(unsafe.Pointer(poll)), 1, 0, 0, 0)
}

// text makes a C string and returns its address.
func (c *compiler) text(s string) (uintptr, error) {
	b, err := unix.BytePtrFromString(s)
	if err != nil {
		return 0, fmt.Errorf("%q: %w", s, err)
	}
	return c.pin(unsafe.Pointer(b)), nil
}

// pin keeps what p points to alive as long as the program. Go's garbage collector does not move it.
func (c *compiler) pin(p unsafe.Pointer) uintptr {
	c.prog.pins = append(c.prog.pins, p)
	return uintptr(p)
}
