package listen

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// What listening and connecting fail with, here and in a container: of the latter, errors have the numbers of package
// syscall, which Windows never returns.
var (
	inUse     = []error{windows.WSAEADDRINUSE, syscall.EADDRINUSE}
	denied    = []error{windows.WSAEACCES, syscall.EACCES}
	noAddress = []error{windows.WSAEADDRNOTAVAIL, windows.WSAEAFNOSUPPORT, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT}
	refused   = []error{windows.WSAECONNREFUSED}
)
