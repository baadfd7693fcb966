package seccomp

import (
	"strconv"
	"strings"
)

// abi is one way to call the kernel. A kernel has more than one where it runs 32-bit
// programs as well.
type abi struct {
	name  string // as in a profile
	audit uint32 // AUDIT_ARCH_…
	calls string // a line each: the number, the name
	// long says that arguments have 64 bits, big that the high half is first.
	long, big bool
	x32       bool // its numbers are those of amd64 with x32Bit, but for some
}

const x32Bit = 0x40000000

// numbers are the calls by their names.
func (a *abi) numbers() map[string]uint32 {
	numbers := make(map[string]uint32)
	for line := range strings.Lines(a.calls) {
		number, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if n, err := strconv.ParseUint(number, 10, 32); err == nil {
			numbers[name] = uint32(n)
		}
	}
	if a.x32 {
		for name := range numbers {
			numbers[name] |= x32Bit
		}
		for i, name := range strings.Fields(x32Own) {
			numbers[name] = x32Bit | (x32First + uint32(i)) //nolint:gosec // there are 36
		}
		for name := range strings.FieldsSeq(x32None) {
			delete(numbers, name)
		}
	}
	return numbers
}

// Of arch/x86/entry/syscalls/syscall_64.tbl: the calls that x32 has other numbers for,
// from x32First on, and those that it hasn't.
const (
	x32First = 512
	x32Own   = "rt_sigaction rt_sigreturn ioctl readv writev recvfrom sendmsg recvmsg execve ptrace " +
		"rt_sigpending rt_sigtimedwait rt_sigqueueinfo sigaltstack timer_create mq_notify kexec_load waitid " +
		"set_robust_list get_robust_list vmsplice move_pages preadv pwritev rt_tgsigqueueinfo recvmmsg sendmmsg " +
		"process_vm_readv process_vm_writev setsockopt getsockopt io_setup io_submit execveat preadv2 pwritev2"
	x32None = "uselib _sysctl create_module get_kernel_syms query_module nfsservctl set_thread_area " +
		"get_thread_area epoll_ctl_old epoll_wait_old vserver map_shadow_stack uretprobe"
)

// A call that is reached through another as well has that one's first argument here,
// linux/net.h and linux/ipc.h.
var multiplexed = []struct{ through, calls string }{
	{"socketcall", "1 socket 2 bind 3 connect 4 listen 5 accept 6 getsockname 7 getpeername 8 socketpair 9 send " +
		"10 recv 11 sendto 12 recvfrom 13 shutdown 14 setsockopt 15 getsockopt 16 sendmsg 17 recvmsg 18 accept4 " +
		"19 recvmmsg 20 sendmmsg"},
	{"ipc", "1 semop 2 semget 3 semctl 4 semtimedop 11 msgsnd 12 msgrcv 13 msgget 14 msgctl 21 shmat 22 shmdt " +
		"23 shmget 24 shmctl"},
}

// through is the call that another is reached through as well, and how.
func through(name string) (multiplexer string, number uint64, ok bool) {
	for _, m := range multiplexed {
		words := strings.Fields(m.calls)
		for i := 1; i < len(words); i += 2 {
			if words[i] == name {
				n, err := strconv.ParseUint(words[i-1], 10, 8)
				return m.through, n, err == nil
			}
		}
	}
	return "", 0, false
}
