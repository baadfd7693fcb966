// Package client connects to sockets in a running container, and listens there, through a helper on the engine's host.
package client

import (
	"context"
	"net"

	"github.com/nsjoin/docker-nsjoin/pkg/attached"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/message"
)

// RefusedError is why a helper no longer serves a container that still runs: a process there has tried to attack it. Do not
// start another one.
type RefusedError struct{ Why string }

func (e *RefusedError) Error() string { return e.Why }

// ErrHelperEnded says that the helper has ended, for an unknown reason.
var ErrHelperEnded = attached.ErrHelperEnded

// whyGone returns the error of a Network whose helper has said why it ends: "" for the container's end.
func whyGone(text string) error {
	if text == "" {
		return nil
	}
	return &RefusedError{text}
}

// Network is a running container's network, with the UNIX sockets in its file system. Its helper ends when the container's
// first process ends; the restarted container has another Network. All methods may be called at the same time.
type Network interface {
	// Dial connects to address in the container. network is tcp, udp or unix. An address of tcp and udp is a literal
	// IP address with a port: names are resolved by the caller. One of unix is a path in the container, or an abstract
	// name that begins with @. A connection of tcp or unix has CloseWrite. Errors wrap a syscall.Errno, also of an
	// engine on another machine: errors.Is(err, syscall.ECONNREFUSED) works everywhere.
	//
	// A connection of unix, from Dial or from a listener, is no syscall.Conn, and is written with its Write alone: a server
	// may ask the kernel who has written (SO_PASSCRED, SO_PASSPIDFD), and must not get a pidfd of this process. See
	// docs/security.md.
	Dial(ctx context.Context, network, address string) (net.Conn, error)
	// Listen listens in the container: network tcp with a literal IP address, or unix. A UNIX socket is removed when the
	// listener or this process ends, however that happens.
	Listen(ctx context.Context, network, address string) (net.Listener, error)
	// Listening returns the container's sockets that wait for connections, without their programs.
	Listening(ctx context.Context) ([]sockets.Listening, error)
	// Programs is Listening with programs, for which the helper reads all of the host's /proc.
	Programs(ctx context.Context) ([]sockets.Listening, error)
	// Names returns the container's files about names.
	Names(ctx context.Context) (message.Names, error)
	// Most returns how many connections there may be at a time, 0 for as many as this process may have.
	Most() int
	// Gone is closed when the container's first process, or the helper, has ended.
	Gone() <-chan struct{}
	// Err returns why, once Gone is closed: nil if the container's first process has ended. A *RefusedError says that the
	// helper has ended for a reason; after any other error the container may still run.
	Err() error
	// Close ends the helper and all that it holds.
	Close() error
}
