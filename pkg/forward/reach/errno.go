package reach

import (
	"errors"
	"syscall"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// elsewhere are the errors after which another address of the same port may work: nothing listens there, or the family
// does not exist in the container.
var elsewhere = []error{
	syscall.ECONNREFUSED, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT, syscall.ENETUNREACH, syscall.EHOSTUNREACH,
}

// IsRefused reports whether a target refused a connection: nothing listens there.
func IsRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// Cause returns what the kernel said about a connection, without the addresses, which messages name otherwise.
func Cause(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return exit.Brief(err, errno)
	}
	return err
}
