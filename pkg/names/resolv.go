package names

import (
	"slices"
	"strings"
)

// Embedded is the address of Docker's DNS server in a container that is in a network of the user's.
const Embedded = "127.0.0.11"

// Resolv has the settings from which Docker makes a container's resolv.conf. What is empty comes from the
// file of the engine's host.
type Resolv struct {
	Servers []string `json:"servers,omitempty"` // docker run --dns
	Search  []string `json:"search,omitempty"`  // docker run --dns-search; "." for none
	Options []string `json:"options,omitempty"` // docker run --dns-option
	// Embedded means that the container asks Docker's own DNS server.
	Embedded bool `json:"embedded,omitempty"`
	// Host means that the container has the host's network, and so the host's servers, even if these are
	// on a loopback address.
	Host bool `json:"host,omitempty"`
}

// resolvConf is the content of a resolv.conf, without invalid words.
type resolvConf struct{ servers, search, options []string }

// The most of each that a file has: more is of no use to any resolver.
const (
	maxServers = 8
	maxSearch  = 32
	maxOptions = 32
)

// valid returns a copy without invalid words.
func (c resolvConf) valid() resolvConf {
	keep := func(list []string, most int, is func(string) bool) []string {
		list = slices.DeleteFunc(slices.Clone(list), func(s string) bool { return !is(s) })
		return list[:min(most, len(list))]
	}
	return resolvConf{
		servers: keep(c.servers, maxServers, ValidAddress),
		search:  keep(c.search, maxSearch, func(s string) bool { return s == "." || ValidName(s) }),
		options: keep(c.options, maxOptions, validOption),
	}
}

// validOption reports whether s can be an option, such as ndots:2 or no-tld-query.
func validOption(s string) bool {
	return ValidName(strings.Replace(s, ":", ".", 1))
}

// parseResolv reads a resolv.conf. Later search lines replace earlier ones, as in the C library. dropped counts the
// lines that are not understood.
func parseResolv(text string) (c resolvConf, dropped int) {
	list, dropped := lines(text)
	for _, words := range list {
		values := words[1:]
		switch words[0] {
		case "nameserver":
			c.servers = append(c.servers, values[:min(1, len(values))]...)
		case "search", "domain":
			c.search = values
		case "options":
			c.options = append(c.options, values...)
		case "sortlist": // about the addresses of the interfaces
		default:
			dropped++
		}
	}
	return c, dropped
}

// text writes the file. It has no search line for the domain ".", as Docker's.
func (c resolvConf) text() string {
	var b strings.Builder
	for _, s := range c.servers {
		b.WriteString("nameserver " + s + "\n")
	}
	if len(c.search) > 0 && !slices.Equal(c.search, []string{"."}) {
		b.WriteString("search " + strings.Join(c.search, " ") + "\n")
	}
	if len(c.options) > 0 {
		b.WriteString("options " + strings.Join(c.options, " ") + "\n")
	}
	return b.String()
}

// Text makes the resolv.conf of a container whose settings are r from that of the engine's host. It follows
// moby's libnetwork: sandbox_dns_unix.go and internal/resolvconf.
func (r Resolv) Text(host string) string {
	c, _ := parseResolv(host)
	if len(r.Servers) > 0 {
		c.servers = r.Servers
	}
	if len(r.Search) > 0 {
		c.search = r.Search
	}
	if len(r.Options) > 0 {
		c.options = r.Options
	}
	c = c.valid()
	if len(r.Servers) == 0 && !r.Host {
		// The host's loopback interface cannot be reached from the container's network.
		c.servers = slices.DeleteFunc(c.servers, isLoopback)
		if len(c.servers) == 0 {
			c.servers = []string{"8.8.8.8", "8.8.4.4"} // Docker's default
		}
	}
	if r.Embedded {
		c.servers = []string{Embedded}
		if !slices.ContainsFunc(c.options, func(o string) bool { return strings.HasPrefix(o, "ndots:") }) {
			c.options = append(c.options, "ndots:0")
		}
	}
	return c.text()
}

// OnlyStub reports whether a resolv.conf names only the stub of systemd-resolved. Docker then reads the file
// that names the servers which the stub asks.
func OnlyStub(text string) bool {
	c, _ := parseResolv(text)
	return slices.Equal(c.servers, []string{"127.0.0.53"})
}

// CleanResolv returns the valid lines of a container's resolv.conf, and how many were dropped.
func CleanResolv(text string) (clean string, dropped int) {
	c, dropped := parseResolv(text)
	v := c.valid()
	dropped += len(c.servers) - len(v.servers) + len(c.search) - len(v.search) + len(c.options) - len(v.options)
	return v.text(), dropped
}
