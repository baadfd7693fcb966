package request

import "github.com/nsjoin/docker-nsjoin/pkg/ns"

// Forward says that the helper serves sockets of the container Base until its client hangs up or the container ends,
// instead of running a command.
type Forward struct {
	// Unix means that UNIX sockets are wanted too: they are connected and bound by processes with the identity of a
	// command in the container, of the user Exec.User. The request then takes all namespaces of Base, else only net.
	Unix bool `json:"unix,omitempty"`
}

// NewForward returns a request for the sockets of base, a container. Its Names make Resolve of package engine find out
// what the engine says about the container's names. user is the user of UNIX sockets; "" for the container's.
func NewForward(base Source, user string, unix bool) *Request {
	r := &Request{
		Version: Version, Base: base, Take: ns.SetOf(ns.Net), Terminal: TerminalNever,
		Names:   &Names{Source: base, Asked: true},
		Forward: &Forward{Unix: unix},
	}
	if unix {
		r.Take, r.User = ns.All(), user
	}
	return r
}
