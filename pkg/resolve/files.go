package resolve

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// mostAddresses limits the addresses of a name.
const mostAddresses = 64

// hosts has the addresses of each name of hosts(5), in lower case.
type hosts map[string][]netip.Addr

func parseHosts(text string) hosts {
	h := hosts{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		a, err := netip.ParseAddr(words[0])
		if err != nil {
			continue
		}
		for _, name := range words[1:] {
			name = strings.ToLower(strings.TrimSuffix(name, "."))
			if len(h[name]) < mostAddresses {
				h[name] = append(h[name], a)
			}
		}
	}
	return h
}

func (h hosts) lookup(host string) []netip.Addr {
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	found := sorted(h[name])
	if len(found) == 0 && (name == "localhost" || strings.HasSuffix(name, ".localhost")) {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()} // RFC 6761
	}
	return found
}

// sorted returns a copy with the addresses of version 4 first.
func sorted(list []netip.Addr) []netip.Addr {
	var four, six []netip.Addr
	for _, a := range list {
		if a.Is4() {
			four = append(four, a)
		} else {
			six = append(six, a)
		}
	}
	return append(four, six...)
}

// conf is what resolv.conf(5) says.
type conf struct {
	servers         []netip.Addr
	search          []string
	ndots, attempts int
	timeout         time.Duration
	rotate          bool
}

// The limits are the C library's.
const (
	mostServers  = 3
	mostDomains  = 32
	mostDots     = 15
	mostAttempts = 5
	mostTimeout  = 30 // seconds
)

func parseConf(text string) conf {
	c := conf{ndots: 1, attempts: 2, timeout: 5 * time.Second}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 { //nolint:mnd // a keyword and a value
			continue
		}
		switch words[0] {
		case "nameserver":
			if a, err := netip.ParseAddr(words[1]); err == nil && len(c.servers) < mostServers {
				c.servers = append(c.servers, a)
			}
		case "search", "domain":
			c.search = words[1:min(len(words), 1+mostDomains)]
		case "options":
			for _, option := range words[1:] {
				c.option(option)
			}
		}
	}
	if len(c.servers) == 0 {
		c.servers = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})} // as the C library
	}
	return c
}

func (c *conf) option(option string) {
	name, value, _ := strings.Cut(option, ":")
	n, err := strconv.Atoi(value)
	switch {
	case name == "rotate":
		c.rotate = true
	case err != nil || n < 0:
	case name == "ndots":
		c.ndots = min(n, mostDots)
	case name == "attempts":
		c.attempts = min(max(n, 1), mostAttempts)
	case name == "timeout":
		c.timeout = time.Duration(min(max(n, 1), mostTimeout)) * time.Second
	}
}

// candidates returns the names to ask for, in order, each with a dot at its end.
func (c *conf) candidates(host string) []string {
	if strings.HasSuffix(host, ".") {
		return []string{host}
	}
	var list []string
	for _, domain := range c.search {
		domain = strings.TrimSuffix(domain, ".")
		if name := host + "." + domain; domain != "" && isName(name) {
			list = append(list, name+".")
		}
	}
	asIs := host + "."
	if strings.Count(host, ".") >= c.ndots {
		return append([]string{asIs}, list...)
	}
	return append(list, asIs)
}
