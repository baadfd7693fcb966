//go:build unix

package listen

import "syscall"

// What listening and connecting fail with, here and in a container.
var (
	inUse     = []error{syscall.EADDRINUSE}
	denied    = []error{syscall.EACCES}
	noAddress = []error{syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT}
	refused   = []error{syscall.ECONNREFUSED}
)
