package seccomp

import (
	"strconv"
	"strings"
)

// abi is a system call interface. A kernel has several if it also runs 32-bit
// programs.
type abi struct {
	name  string // as in a profile, SCMP_ARCH_…
	audit uint32 // AUDIT_ARCH_…
	calls string // names of calls, each preceded by its number if that is not the next one
	// long means that arguments have 64 bits, big that the high half comes first.
	long, big bool
	x32       bool // numbers are those of amd64 plus x32Bit, except x32Own
}

const x32Bit = 0x40000000

// each calls do for each system call, in the order of the numbers.
func (a *abi) each(do func(number uint32, name string)) {
	next := uint64(0)
	for name := range strings.FieldsSeq(a.calls) {
		if name[0] <= '9' { // most are names, and parsing one would allocate an error
			next, _ = strconv.ParseUint(name, 10, 32)
			continue
		}
		n := next
		next++
		if a.x32 {
			if containsWord(x32Own, name) || containsWord(x32None, name) {
				continue
			}
			n |= x32Bit
		}
		do(uint32(n), name)
	}
	if a.x32 {
		n := uint32(x32Bit | x32First)
		for name := range strings.FieldsSeq(x32Own) {
			do(n, name)
			n++
		}
	}
}

// containsWord reports whether word is in a list separated by spaces.
func containsWord(words, word string) bool { return strings.Contains(" "+words+" ", " "+word+" ") }

// From arch/x86/entry/syscalls/syscall_64.tbl: the calls that have other numbers in x32, from
// x32First on, and those that x32 lacks.
const (
	x32First = 512
	x32Own   = "rt_sigaction rt_sigreturn ioctl readv writev recvfrom sendmsg recvmsg execve ptrace " +
		"rt_sigpending rt_sigtimedwait rt_sigqueueinfo sigaltstack timer_create mq_notify kexec_load waitid " +
		"set_robust_list get_robust_list vmsplice move_pages preadv pwritev rt_tgsigqueueinfo recvmmsg sendmmsg " +
		"process_vm_readv process_vm_writev setsockopt getsockopt io_setup io_submit execveat preadv2 pwritev2"
	x32None = "uselib _sysctl create_module get_kernel_syms query_module nfsservctl set_thread_area " +
		"get_thread_area epoll_ctl_old epoll_wait_old vserver map_shadow_stack uretprobe"
)

// Calls that can also be made through socketcall(2) and ipc(2), by the first argument of those;
// linux/net.h and linux/ipc.h.
const (
	socketcall = "1 socket 2 bind 3 connect 4 listen 5 accept 6 getsockname 7 getpeername 8 socketpair 9 send " +
		"10 recv 11 sendto 12 recvfrom 13 shutdown 14 setsockopt 15 getsockopt 16 sendmsg 17 recvmsg 18 accept4 " +
		"19 recvmmsg 20 sendmmsg"
	ipc = "1 semop 2 semget 3 semctl 4 semtimedop 11 msgsnd 12 msgrcv 13 msgget 14 msgctl 21 shmat 22 shmdt " +
		"23 shmget 24 shmctl"
)

// multiplexed calls do for each call that can be made through the named one, with the first argument
// that selects it.
func multiplexed(name string, do func(number uint64, other string)) {
	list := ""
	switch name {
	case "socketcall":
		list = socketcall
	case "ipc":
		list = ipc
	}
	words := strings.Fields(list)
	for i := 1; i < len(words); i += 2 {
		if n, err := strconv.ParseUint(words[i-1], 10, 8); err == nil {
			do(n, words[i])
		}
	}
}
