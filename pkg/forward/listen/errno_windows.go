package listen

import "golang.org/x/sys/windows"

// What listening fails with.
const (
	errInUse     = windows.WSAEADDRINUSE
	errNoAddress = windows.WSAEADDRNOTAVAIL
	errNoFamily  = windows.WSAEAFNOSUPPORT
)
