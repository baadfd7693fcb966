//go:build !linux

package listen

import "syscall"

// private does nothing: on these systems a UNIX socket has no mode before it has a name.
func private(string, string, syscall.RawConn) error { return nil }
