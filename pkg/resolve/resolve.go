// Package resolve resolves names as programs in a container do: by its hosts file and resolv.conf, with its DNS servers,
// which are asked through sockets in its network. Package net's resolver reads this machine's files, and cannot be given
// others; package dnsmessage reads and writes the messages.
package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/sockets"
)

// Dialer connects in the container's network. network is udp or tcp, address a literal IP address with a port.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Resolver resolves names. Its methods may be called at the same time.
type Resolver struct {
	hosts hosts
	conf  conf
	dial  Dialer
	turn  atomic.Uint32 // with the option rotate: the server that is asked first
}

// mostTime limits a Lookup, whatever resolv.conf says of timeouts and attempts.
const mostTime = 30 * time.Second

// New returns a Resolver for a container's files.
func New(names sockets.Names, dial func(ctx context.Context, network, address string) (net.Conn, error)) *Resolver {
	return &Resolver{hosts: parseHosts(string(names.Hosts)), conf: parseConf(string(names.Resolv)), dial: dial}
}

// Lookup returns the addresses of a host, those of version 4 first, at most 64. A literal address is its own. An error is
// a *net.DNSError, which names the host; IsNotFound means that the servers say that there is no such name, or that it has
// no address.
func (r *Resolver) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	if !isName(host) {
		return nil, &net.DNSError{Err: "not a host name", Name: fmt.Sprintf("%q", host)}
	}
	if found := r.hosts.lookup(host); len(found) > 0 {
		return found, nil
	}
	ctx, cancel := context.WithTimeout(ctx, mostTime)
	defer cancel()
	var failure error
	silent := false // no server has answered for a domain of the search list
	for _, name := range r.conf.candidates(host) {
		asIs := strings.TrimSuffix(name, ".") == strings.TrimSuffix(host, ".")
		if silent && !asIs {
			continue
		}
		found, err := r.ask(ctx, name)
		if len(found) > 0 {
			return found, nil
		}
		if err == nil {
			continue // the name does not exist, or has no address
		}
		if failure == nil {
			failure = err
		}
		// As the C library does, another domain is tried only if a server has answered, but the name itself is tried
		// anyway: res_nsearch(3).
		if answered := (*serverError)(nil); !asIs && !errors.As(err, &answered) {
			silent = true
		}
	}
	if failure == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	e := &net.DNSError{Err: failure.Error(), UnwrapErr: failure, Name: host}
	e.IsTimeout = errors.Is(failure, context.DeadlineExceeded) || errors.Is(failure, errTimeout)
	return nil, e
}

// isName reports whether s can be the name of a host. Anything else would only be of use to confuse a server or a
// terminal.
func isName(s string) bool {
	const longest, longestLabel = 253, 63
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > longest {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		const valid = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
		if label == "" || len(label) > longestLabel || strings.Trim(label, valid) != "" {
			return false
		}
	}
	return true
}
