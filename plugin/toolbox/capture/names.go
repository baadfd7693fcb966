package capture

import (
	"context"
	"net"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/capture/decode"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/capture/filter"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/lookup"
)

// names looks up the names of addresses and ports.
type names struct {
	numbers bool
	hosts   map[string]string
}

func newNames(numbers bool) *names { return &names{numbers: numbers, hosts: make(map[string]string)} }

// check refuses to look names up where a file of the container's would be waited for.
func (n *names) check() error {
	if n.numbers {
		return nil
	}
	return lookup.CheckFiles()
}

func (n *names) forFilter() filter.Names {
	return filter.Names{Host: n.addresses, Port: lookup.Service}
}

// forPackets returns what looks up the names of packets, if that is wanted.
func (n *names) forPackets() decode.Names {
	if n.numbers {
		return nil
	}
	return n
}

// patience is how long a name is waited for.
const patience = 5 * time.Second

func (n *names) addresses(name string) ([]net.IP, error) {
	if err := lookup.CheckFiles(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return net.DefaultResolver.LookupIP(ctx, "ip", name)
}

// kept is how many names are kept.
const kept = 10000

// Host returns the name of an address, or the address.
func (n *names) Host(ip net.IP) string {
	text := ip.String()
	if name, ok := n.hosts[text]; ok {
		return name
	}
	if len(n.hosts) >= kept {
		clear(n.hosts)
	}
	name := text
	if lookup.CheckFiles() == nil {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if list, err := net.DefaultResolver.LookupAddr(ctx, text); err == nil && len(list) > 0 {
			name = strings.TrimSuffix(list[0], ".")
		}
	}
	n.hosts[text] = name
	return name
}

// Port returns the name of a port, or its number.
func (n *names) Port(port uint16, protocol string) string { return lookup.Port(port, protocol) }
