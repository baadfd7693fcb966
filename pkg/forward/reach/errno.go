package reach

import (
	"context"
	"errors"
	"net"
	"slices"
	"syscall"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/client"
)

// elsewhere are the errors after which another address of the same port may work: nothing listens there, or the family
// does not exist in the container.
var elsewhere = []error{
	syscall.ECONNREFUSED, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT, syscall.ENETUNREACH, syscall.EHOSTUNREACH,
}

// IsRefused reports whether a target refused a connection: nothing listens there.
func IsRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// later are the errors of a target that may take connections later. At a limit of files, others may end.
var later = []error{
	syscall.ECONNREFUSED, syscall.ENOENT, syscall.EADDRNOTAVAIL, syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EHOSTDOWN,
	syscall.ETIMEDOUT, syscall.EAGAIN, syscall.EMFILE, syscall.ENFILE, client.ErrLimit, context.DeadlineExceeded,
}

// MayComeLater reports whether a target may take connections later: nothing listens there yet, or it is not reached yet, or
// its name is not known yet. Other errors last.
func MayComeLater(err error) bool {
	if isLookup(err) {
		return true
	}
	return slices.ContainsFunc(later, func(one error) bool { return errors.Is(err, one) })
}

// IsUsual reports whether an error is what a target that does not listen yet is expected to fail with.
func IsUsual(err error) bool {
	return !isLookup(err) && (IsRefused(err) || errors.Is(err, syscall.ENOENT))
}

// isLookup reports whether a name was not found. The error may wrap that of a connection to a DNS server.
func isLookup(err error) bool {
	_, ok := errors.AsType[*net.DNSError](err)
	return ok
}

// Cause returns what the kernel said about a connection, without the addresses, which messages name otherwise.
func Cause(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok && !isLookup(err) {
		return exit.Brief(err, errno)
	}
	return err
}
