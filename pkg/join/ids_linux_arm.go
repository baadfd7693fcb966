package join

import "golang.org/x/sys/unix"

// The system calls for users and groups of 32 bits: without the suffix, arm's
// are of 16.
const (
	sysSetgroups = unix.SYS_SETGROUPS32
	sysSetresgid = unix.SYS_SETRESGID32
	sysSetresuid = unix.SYS_SETRESUID32
)
