package spec

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Error says what is wrong with a word, and what the right form is.
type Error struct{ Word, Problem, Form string }

func (e *Error) Error() string { return fmt.Sprintf("%q: %s", e.Word, e.Problem) }

// The forms.
const (
	forms        = "one of 8080:80, 80, 0:80, 8080:db:5432, 127.0.0.1:8080:db:5432, 53:53/udp, /tmp/x.sock:/run/x.sock, 8080:@name"
	reverseForms = "one of 5432:localhost:5432, 5432, 127.0.0.1:8080:80, /run/x.sock:/tmp/x.sock"
	proxyForms   = "one of 1080, 127.0.0.1:1080, [::1]:1080, /tmp/proxy.sock"
	targetForms  = "one of 22, db:5432, [::1]:80, /run/x.sock, @name"
)

// Parse parses a SPEC: [[ADDRESS:]PORT:][HOST:]PORT[/udp], with a path of a UNIX socket in place of either side.
func Parse(word string) (Forward, error) {
	f, problem := parse(word)
	if problem == "" && isRelative(f.Target.Path) {
		problem = relativePath
	}
	if problem != "" {
		return Forward{}, &Error{word, problem, forms}
	}
	return f, nil
}

// ParseReverse parses a SPEC of -R: the left side is in the container.
func ParseReverse(word string) (Forward, error) {
	f, problem := parse(word)
	if problem == "" && f.Listen.Network == UDP {
		problem = "-R forwards TCP and UNIX sockets, not UDP"
	}
	if problem == "" && isRelative(f.Listen.Path) {
		problem = relativePath
	}
	if problem != "" {
		return Forward{}, &Error{word, problem, reverseForms}
	}
	f.Reverse = true
	return f, nil
}

// ParseProxy parses a SPEC of -D: [ADDRESS:]PORT or a path.
func ParseProxy(word string) (Forward, error) {
	parts, problem := split(word)
	f := Forward{Proxy: true}
	if problem == "" {
		f.Listen, problem = parseListen(parts)
	}
	if problem == "" && f.Listen.Network == Unix && len(parts) > 1 {
		problem = "nothing follows the path"
	}
	if problem != "" {
		return Forward{}, &Error{word, problem, proxyForms}
	}
	return f, nil
}

// ParseTarget parses what connect connects to: [HOST:]PORT or a path.
func ParseTarget(word string) (Target, error) {
	parts, problem := []string{word}, ""
	if !isPath(word) {
		parts, problem = split(word)
	}
	var t Target
	if problem == "" {
		t, problem = parseTarget(parts, TCP)
	}
	if problem == "" && isRelative(t.Path) {
		problem = relativePath
	}
	if problem != "" {
		return Target{}, &Error{word, problem, targetForms}
	}
	return t, nil
}

// IsSpec reports whether a word among the arguments is meant as a SPEC, not as a container: names and IDs of containers
// have no colon, slash, bracket or @, and a word of at most five digits is a port. container:NAME is
// a container.
func IsSpec(word string) bool {
	const digitsOfPort = 5
	if strings.HasPrefix(word, ContainerPrefix) {
		return false
	}
	if strings.ContainsAny(word, ":/[]") || strings.HasPrefix(word, "@") { // web@shop is a container of a service
		return true
	}
	return word != "" && len(word) <= digitsOfPort && strings.Trim(word, "0123456789") == ""
}

// ContainerPrefix begins the name of a container that would be read as something else.
const ContainerPrefix = "container:"

func parse(word string) (Forward, string) {
	text, network, problem := protocol(word)
	if problem != "" {
		return Forward{}, problem
	}
	parts, problem := split(text)
	if problem != "" {
		return Forward{}, problem
	}
	var f Forward
	switch n := listenParts(parts); {
	case n == 0 && isPath(parts[0]):
		return f, "where should it listen? a path has no number to use on both sides"
	case n == 0: // the same port on both sides
		if f.Target, problem = parseTarget(parts, network); problem == "" {
			if f.Target.Port == 0 {
				return f, "port 0 is no target"
			}
			f.Listen = Listen{Network: network, Port: f.Target.Port}
		}
	default:
		if f.Listen, problem = parseListen(parts[:n]); problem == "" {
			f.Target, problem = parseTarget(parts[n:], network)
		}
	}
	if problem != "" {
		return f, problem
	}
	if network == UDP {
		if f.Listen.Network == Unix || f.Target.Network == Unix {
			return f, "UDP goes from port to port"
		}
		f.Listen.Network = UDP
	}
	return f, ""
}

// protocol cuts /tcp or /udp off the end of a SPEC whose target is a port.
func protocol(word string) (text string, network Network, problem string) {
	i := strings.LastIndexByte(word, '/')
	if i <= 0 {
		return word, TCP, ""
	}
	port := word[strings.LastIndexByte(word[:i], ':')+1 : i]
	if port == "" || !isPort(port) { // it is in a path
		return word, TCP, ""
	}
	switch strings.ToLower(word[i+1:]) {
	case "tcp":
		return word[:i], TCP, ""
	case "udp":
		return word[:i], UDP, ""
	}
	return word, TCP, fmt.Sprintf("%q is not tcp or udp", word[i+1:])
}

// split splits a SPEC at its colons, but not those in brackets or of a path that ends it. Brackets are kept.
func split(text string) (parts []string, problem string) {
	const most = 4
	for rest := text; ; {
		if len(parts) > 0 && isPath(rest) {
			return append(parts, rest), ""
		}
		end := strings.IndexByte(rest, ':')
		if strings.HasPrefix(rest, "[") {
			closing := strings.IndexByte(rest, ']')
			if closing < 0 || closing+1 < len(rest) && rest[closing+1] != ':' {
				return nil, "brackets enclose an IPv6 address"
			}
			if end = closing + 1; end == len(rest) {
				end = -1
			}
		}
		if end < 0 {
			return append(parts, rest), ""
		}
		if parts = append(parts, rest[:end]); len(parts) == most {
			return nil, "too many colons; an IPv6 address is in brackets"
		}
		rest = rest[end+1:]
	}
}

// isPath reports whether a part is the path of a UNIX socket.
func isPath(part string) bool {
	return strings.HasPrefix(part, "/") || strings.HasPrefix(part, "./") || strings.HasPrefix(part, "../") || strings.HasPrefix(part, "@")
}

// relativePath is the problem of a path in a container without a slash.
const relativePath = "a path in the container begins with / or @"

func isRelative(path string) bool { return strings.HasPrefix(path, ".") }

// listenParts returns how many parts say where to listen. The others are the target.
func listenParts(parts []string) int {
	n := len(parts)
	switch {
	case n == 1:
		return 0
	case isPath(parts[0]):
		return 1
	case isPath(parts[n-1]):
		return n - 1
	case n == 3 && !isPort(parts[0]): // ADDRESS:PORT:PORT, as for docker run
		return 2
	case n == 3: // PORT:HOST:PORT, as for ssh
		return 1
	}
	return n / 2
}

// isPort reports whether a part is a port, or empty, which is a free one.
func isPort(part string) bool { return strings.Trim(part, "0123456789") == "" }

// parseListen parses [ADDRESS:]PORT or a path.
func parseListen(parts []string) (l Listen, problem string) {
	if isPath(parts[0]) {
		l.Network, l.Path = Unix, parts[0]
		return l, checkPath(l.Path)
	}
	const withAddress = 2
	l.Network = TCP
	switch len(parts) {
	case 1:
	case withAddress:
		l.Address = parts[0]
		if l.Address == "" {
			return l, "no address to listen on; * means all"
		}
		if _, err := Addresses(l.Address); err != nil || isPort(l.Address) {
			return l, fmt.Sprintf("%q is not an IP address to listen on, nor localhost or *", l.Address)
		}
		l.Address = strings.Trim(l.Address, "[]")
	default:
		return l, "too many colons"
	}
	port := parts[len(parts)-1]
	if port == "" {
		port = "0"
	}
	l.Port, problem = parsePort(port)
	return l, problem
}

// parseTarget parses [HOST:]PORT or a path.
func parseTarget(parts []string, network Network) (t Target, problem string) {
	last := parts[len(parts)-1]
	t.Network = network
	switch len(parts) {
	case 1:
		if isPath(last) {
			t.Network, t.Path = Unix, last
			return t, checkPath(last)
		}
	case 2: // HOST:PORT
		if t.Host, problem = parseHost(parts[0]); problem != "" {
			return t, problem
		}
	default:
		return t, "too many colons"
	}
	if t.Port, problem = parsePort(last); problem == "" && t.Port == 0 {
		problem = "port 0 is no target"
	}
	return t, problem
}

// parseHost parses the name or address of a target.
func parseHost(part string) (string, string) {
	if inner, ok := strings.CutPrefix(part, "["); ok {
		inner = strings.TrimSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		if err != nil || !addr.Is6() {
			return "", fmt.Sprintf("%q is not an IPv6 address", inner)
		}
		return inner, ""
	}
	switch {
	case part == "":
		return "", "the target has no host"
	case isPort(part):
		return "", fmt.Sprintf("%q is not a host", part)
	case len(part) > maxName || strings.ContainsFunc(part, notInName):
		return "", fmt.Sprintf("%q is not the name or address of a host", part)
	}
	return part, ""
}

// maxName is the most bytes of a DNS name, RFC 1035 section 2.3.4, with a dot at its end.
const maxName = 254

// notInName reports whether a character is in no name of a host. Names of Compose services may have an underscore.
func notInName(r rune) bool {
	return r <= ' ' || r == 0x7f || strings.ContainsRune(`/\[]@:*?"'<>|,;%`, r)
}

func parsePort(part string) (uint16, string) {
	const bits = 16
	if part == "" {
		return 0, "the target has no port"
	}
	switch {
	case isPort(part):
	case strings.Contains(part, "/") || strings.HasSuffix(part, ".sock"):
		return 0, fmt.Sprintf("%q is not a port, and a path begins with / or, on this machine, with ./", part)
	default:
		return 0, fmt.Sprintf("%q is not a port", part)
	}
	port, err := strconv.ParseUint(part, 10, bits)
	if err != nil {
		return 0, part + " is not a port: the highest is 65535"
	}
	return uint16(port), ""
}

// LongestPath is the most bytes of a UNIX socket's path, in sockaddr_un, unix(7).
const LongestPath = 107

func checkPath(path string) string {
	switch {
	case len(path) > LongestPath:
		return "the path of a UNIX socket has at most 107 bytes"
	case path == "@":
		return "an abstract socket has a name after @"
	case strings.HasSuffix(path, "/"):
		return "a path of a socket does not end in /"
	case strings.ContainsRune(path, 0):
		return "a path has no zero byte"
	}
	return ""
}
