//go:build unix

package listen

import "syscall"

// What listening fails with.
const (
	errInUse     = syscall.EADDRINUSE
	errNoAddress = syscall.EADDRNOTAVAIL
	errNoFamily  = syscall.EAFNOSUPPORT
)
