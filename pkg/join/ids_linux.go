//go:build linux && !arm

package join

import "golang.org/x/sys/unix"

// The system calls that take 32-bit user and group IDs.
const (
	sysSetgroups = unix.SYS_SETGROUPS
	sysSetresgid = unix.SYS_SETRESGID
	sysSetresuid = unix.SYS_SETRESUID
)
