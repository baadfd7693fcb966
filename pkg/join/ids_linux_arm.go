package join

import "golang.org/x/sys/unix"

// The system calls that take 32-bit user and group IDs: without the suffix, arm's
// take 16-bit IDs.
const (
	sysSetgroups = unix.SYS_SETGROUPS32
	sysSetresgid = unix.SYS_SETRESGID32
	sysSetresuid = unix.SYS_SETRESUID32
)
