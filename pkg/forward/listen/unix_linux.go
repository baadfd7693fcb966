package listen

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// private gives a UNIX socket its mode before it has a name: bind(2) takes it from there.
func private(network, address string, raw syscall.RawConn) error {
	if network != unixNetwork || strings.HasPrefix(address, "@") {
		return nil
	}
	var failed error
	err := raw.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), ownMode) })
	if err != nil {
		return err
	}
	return failed
}
