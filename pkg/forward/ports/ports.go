// Package ports says how to forward what a container listens on.
package ports

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/container"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets"
)

// Sort sorts by kind and port; UNIX sockets come last.
func Sort(list []sockets.Listening) {
	kinds := []string{string(spec.TCP), string(spec.UDP), string(spec.Unix)}
	slices.SortStableFunc(list, func(a, b sockets.Listening) int {
		if a.Network != b.Network {
			return slices.Index(kinds, a.Network) - slices.Index(kinds, b.Network)
		}
		if n := int(a.Address.Port()) - int(b.Address.Port()); n != 0 {
			return n
		}
		return a.Address.Addr().Compare(b.Address.Addr())
	})
}

// Address returns where a socket listens.
func Address(l *sockets.Listening) string {
	if l.Path != "" {
		return l.Path
	}
	return l.Address.String()
}

// IsDNS reports whether a socket is the engine's DNS server in a user-defined network. Its ports change with each start, and
// names are resolved by it anyway.
func IsDNS(l *sockets.Listening) bool {
	return l.Program == "" && l.Address.Addr().Unmap() == netip.AddrFrom4([4]byte{127, 0, 0, 11})
}

// Program returns whose socket it is.
func Program(l *sockets.Listening) string {
	if IsDNS(l) {
		return "(the engine's DNS server)"
	}
	return l.Program
}

// Spec returns a SPEC that forwards a port to one that this user may listen on, "" for a UNIX socket and the engine's DNS
// server.
func Spec(l *sockets.Listening) string {
	const first, add = 1024, 8000
	port := l.Address.Port()
	word := strconv.Itoa(int(port))
	switch {
	case l.Path != "", IsDNS(l):
		return ""
	case port < first && os.Geteuid() != 0:
		word = fmt.Sprintf("%d:%s", port+add, word)
	}
	if l.Network == string(spec.UDP) {
		word += "/udp"
	}
	return word
}

// Path returns the path of a UNIX socket as a SPEC takes it, "" if it has none: a program may have bound it by a path that begins in
// a directory of its own.
func Path(l *sockets.Listening) string {
	if strings.HasPrefix(l.Path, "/") || strings.HasPrefix(l.Path, "@") {
		return l.Path
	}
	return ""
}

// timeout is how long the shell waits for a container's ports.
const timeout = 2 * time.Second

// Listening returns what a container listens on, for the shell, without the engine's DNS server; nothing if it does not answer in time.
func Listening(ctx context.Context, cli *dockercli.CLI, name string) []sockets.Listening {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	host, err := enginehost.Open(cli, enginehost.Options{})
	if err != nil {
		return nil
	}
	defer host.Close()
	found, err := (&container.Container{Host: host, Typed: name}).Open(ctx)
	if err != nil {
		return nil
	}
	defer found.Network.Close()
	list, err := found.Network.Programs(ctx)
	if err != nil {
		return nil
	}
	Sort(list)
	return slices.DeleteFunc(list, func(l sockets.Listening) bool { return IsDNS(&l) })
}

// Offer returns a word for the shell with the program as its description.
func Offer(word string, l *sockets.Listening) string {
	return cobra.CompletionWithDesc(word, l.Program)
}
