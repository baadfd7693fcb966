//go:build linux && !arm

package join

import "golang.org/x/sys/unix"

// The system calls for users and groups of 32 bits.
const (
	sysSetgroups = unix.SYS_SETGROUPS
	sysSetresgid = unix.SYS_SETRESGID
	sysSetresuid = unix.SYS_SETRESUID
)
