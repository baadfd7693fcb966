package spec

import (
	"fmt"
	"net/netip"
)

// Twice returns an error if two of the SPECs listen on the same port or path. Those of Reverse do so in their container.
// others are the addresses for SPECs without one; none stands for both loopback addresses.
func Twice(groups []Group, others []string) error {
	type place struct {
		container string // of a listener in it
		network   Network
		at        string
	}
	taken := make(map[place]bool)
	for _, g := range groups {
		for _, f := range g.Forwards {
			in := ""
			if f.Reverse {
				in = g.Container
			}
			for _, at := range f.Listen.places(others) {
				p := place{in, f.Listen.Network, at}
				if taken[p] {
					return &Error{at, "two forwards cannot listen there", "8080:80 8081:80, 8080:80 0:80 (any free port)"}
				}
				taken[p] = true
			}
		}
	}
	return nil
}

// places returns where a SPEC is known to listen.
func (l Listen) places(others []string) (list []string) {
	if l.Network == Unix {
		return []string{l.Path}
	}
	if l.Port == 0 {
		return nil
	}
	if l.Address != "" || len(others) == 0 {
		others = []string{l.Address}
	}
	known := make(map[netip.Addr]bool)
	for _, text := range others {
		addresses, _ := Addresses(text) // an error is reported elsewhere
		for _, addr := range addresses {
			if known[addr] {
				continue
			}
			known[addr] = true
			at := netip.AddrPortFrom(addr, l.Port).String()
			if l.Network == UDP {
				at = fmt.Sprintf("%s/%s", at, UDP)
			}
			list = append(list, at)
		}
	}
	return list
}
