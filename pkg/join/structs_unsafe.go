//go:build linux

package join

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// The steps whose system calls take the address of a structure.

// signals sets the disposition of signal N to ignore if bit N-1 of ignored is set, else to the default,
// whatever the caller ignores. It blocks no signal.
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

// limits sets resource limits. To set an equal limit takes no rights.
func (c *compiler) limits(plan.Step) error {
	for _, l := range c.who.Limits {
		pair := &[2]uint64{l.Soft, l.Hard} // struct rlimit64
		c.call(unix.SYS_PRLIMIT64, 0, uintptr(l.Resource), c.pin(unsafe.Pointer(pair)), 0)
	}
	return nil
}

// schedule sets how the process is scheduled and, if they differ, on which processors.
func (c *compiler) schedule(plan.Step) error {
	who := c.who
	attr := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: who.Policy, Nice: int32(who.Nice), Priority: who.Priority}
	c.call(unix.SYS_SCHED_SETATTR, 0, c.pin(unsafe.Pointer(attr)), 0)
	clamps := &unix.SchedAttr{
		Size: unix.SizeofSchedAttr, Flags: unix.SCHED_FLAG_KEEP_ALL | unix.SCHED_FLAG_UTIL_CLAMP, Util_min: noClamp, Util_max: noClamp,
	}
	c.add(try, unix.SYS_SCHED_SETATTR, 0, c.pin(unsafe.Pointer(clamps)), 0)
	const whoProcess = 1
	c.call(unix.SYS_IOPRIO_SET, whoProcess, 0, uintptr(who.IOPriority))
	if who.TimerSlack != 0 { // the policy has changed it
		c.call(unix.SYS_PRCTL, unix.PR_SET_TIMERSLACK, uintptr(who.TimerSlack))
	}
	if who.CPUs == nil {
		return nil
	}
	set := &unix.CPUSet{}
	for _, cpu := range who.CPUs {
		set.Set(cpu)
	}
	c.call(unix.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(*set), c.pin(unsafe.Pointer(set)))
	return nil
}

// noClamp removes a utilization clamp, sched_setattr(2).
const noClamp = 1<<32 - 1

func (c *compiler) groups(groups []uint32) {
	list := uintptr(0)
	if len(groups) > 0 {
		list = c.pin(unsafe.Pointer(&groups[0]))
	}
	c.call(sysSetgroups, uintptr(len(groups)), list)
}

// seccomp loads the filters, the oldest first. Without no_new_privs that takes CAP_SYS_ADMIN
// effective, and a change of user leaves it permitted only.
func (c *compiler) seccomp(s plan.Step) error {
	if !c.who.NoNewPrivileges {
		if err := c.loader(s); err != nil {
			return err
		}
	}
	for _, f := range c.who.Filters {
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

// loopback sets lo of the process's new network up.
func (c *compiler) loopback() error {
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	c.add(loopback, 0, c.pin(unsafe.Pointer(lo)))
	return nil
}

// untilHangup waits until a descriptor hangs up: a pipe does once no process has it open for writing.
// It reads nothing.
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

// pin keeps what p points to alive as long as the program; the collector doesn't move it.
func (c *compiler) pin(p unsafe.Pointer) uintptr {
	c.prog.pins = append(c.prog.pins, p)
	return uintptr(p)
}
