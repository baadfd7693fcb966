package listen

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
)

// Users decides whose connections are served. Every user of a machine can connect to a loopback address and to an
// abstract UNIX socket, so that the user who called docker nsjoin has to be told from the others.
type Users struct {
	// Any serves everybody.
	Any bool
	// Allowed are the uids that are served.
	Allowed []uint32
	// Of finds the uid at the other end of a connection; known is false if the system does not know it.
	Of func(net.Conn) (uid uint32, known bool, err error)

	mu   sync.Mutex
	seen map[uint32]bool
}

// Caller returns the uids of the user who called docker nsjoin: its own and, under sudo, that of the user who typed it.
// Root's is not among another user's: root of a container with the host's network is that too.
func Caller() []uint32 { return callers(os.Geteuid(), os.Getenv("SUDO_UID")) }

func callers(own int, sudo string) []uint32 {
	if own < 0 {
		return nil // the system has no uids
	}
	uids := []uint32{uint32(own)}
	const bits = 32
	if typed, err := strconv.ParseUint(sudo, 10, bits); err == nil && own == 0 {
		uids = append(uids, uint32(typed))
	}
	return uids
}

// RefusedError is why a connection is not served.
type RefusedError struct {
	UID     uint32
	Unknown error // why the uid is not known; nil if it is
	First   bool  // nothing was said about this uid yet
}

func (e *RefusedError) Error() string {
	if e.Unknown != nil {
		return fmt.Sprintf("the user of a connection is unknown: %v", e.Unknown)
	}
	return fmt.Sprintf("a connection of uid %d is refused", e.UID)
}

// Unwrap returns why the uid is not known.
func (e *RefusedError) Unwrap() error { return e.Unknown }

// Check returns a *RefusedError if the peer of a connection may not connect. Connections from other machines are not
// asked: an address that they reach is open to everybody.
func (u *Users) Check(conn net.Conn) error {
	if u.Any || !isLocal(conn) {
		return nil
	}
	uid, known, err := u.Of(conn)
	refused := u.decide(uid, known, err)
	if e, ok := errors.AsType[*RefusedError](refused); ok && e.Unknown == errUnknown && hasSent(conn) { //nolint:errorlint // it is not wrapped
		return &RefusedError{Unknown: errTooSoon, First: u.first(tooSoon)}
	}
	return refused
}

// CheckPacket is Check for the sender of a UDP packet.
func (u *Users) CheckPacket(local, peer netip.AddrPort, of func(local, remote netip.AddrPort) (uid uint32, known bool, err error)) error {
	if u.Any || !local.Addr().Unmap().IsLoopback() {
		return nil
	}
	uid, known, err := of(local, peer)
	return u.decide(uid, known, err)
}

// errUnknown means that the client has ended already, or that its user is not one of this user namespace.
var errUnknown = errors.New("the system does not know it")

// errTooSoon means that what the client has sent is lost. The kernel forgets the user of a TCP socket when it is closed.
var errTooSoon = errors.New("the client had closed it already")

// Numbers that are no uid, for first.
const (
	unasked = ^uint32(0)     // the system could not be asked
	tooSoon = ^uint32(0) - 1 // errTooSoon
)

func (u *Users) decide(uid uint32, known bool, err error) error {
	switch {
	case known && slices.Contains(u.Allowed, uid):
		return nil
	case known:
		return &RefusedError{UID: uid, First: u.first(uid)}
	case err == nil && !tellsUsers:
		return nil
	case err == nil:
		return &RefusedError{Unknown: errUnknown} // which is no news: clients end
	}
	return &RefusedError{Unknown: err, First: u.first(unasked)}
}

// tellsUsers says that the system knows the users of connections. Elsewhere all users of the machine are served.
const tellsUsers = runtime.GOOS == "linux"

// first reports whether a uid is seen for the first time.
func (u *Users) first(uid uint32) bool {
	const most = 64
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.seen[uid] || len(u.seen) >= most {
		return false
	}
	if u.seen == nil {
		u.seen = make(map[uint32]bool)
	}
	u.seen[uid] = true
	return true
}

// isLocal reports whether a connection was made to a loopback address or to a UNIX socket.
func isLocal(conn net.Conn) bool {
	at, err := netip.ParseAddrPort(conn.LocalAddr().String())
	return err != nil || at.Addr().Unmap().IsLoopback()
}
