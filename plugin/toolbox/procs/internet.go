package procs

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/sockets"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// internetValue attaches the value of -i, such as :80 or TCP:80, to it. In front of it, other letters may be typed together with it:
// -ti:80.
func internetValue(args []string) []string {
	var out []string
	for _, arg := range args {
		if len(out) > 0 && out[len(out)-1] == "-i" && isInternet(arg) {
			out[len(out)-1] += arg
			continue
		}
		if letters, value, ok := strings.Cut(arg, "i"); ok && len(letters) > 1 && letters[0] == '-' && strings.Trim(letters[1:], "tnPalUw") == "" && (value == "" || isInternet(value)) {
			out = append(out, letters, "-i"+value)
			continue
		}
		out = append(out, arg)
	}
	return out
}

// isInternet reports whether an argument is a value of -i, and not a file.
func isInternet(text string) bool {
	return strings.ContainsAny(text, ":@") || slices.Contains([]string{"4", "6", "tcp", "udp"}, strings.ToLower(text))
}

// internetChoice is the value of lsof -i: [4|6][TCP|UDP][@ADDRESS][:PORTS].
type internetChoice struct {
	protocol, address string
	six               bool // with family
	family            bool
	ports             []string // none: all
}

func parseInternet(text string) (c internetChoice, err error) {
	bad := fmt.Errorf("-i %s is not supported here: [4|6][TCP|UDP][@ADDRESS][:PORT]", tool.Printable(text))
	if text == "all" || text == "" {
		return c, nil
	}
	rest := text
	if rest[0] == '4' || rest[0] == '6' {
		c.family, c.six, rest = true, rest[0] == '6', rest[1:]
	}
	if len(rest) >= 3 {
		if p := strings.ToUpper(rest[:3]); p == "TCP" || p == "UDP" {
			c.protocol, rest = p, rest[3:]
		}
	}
	if after, ok := strings.CutPrefix(rest, "@"); ok {
		c.address, rest = after, ""
		if at := strings.LastIndexByte(after, ':'); at >= 0 && (strings.Count(after, ":") == 1 || strings.HasSuffix(after[:at], "]")) {
			c.address, rest = after[:at], after[at:]
		}
		c.address = strings.Trim(c.address, "[]")
		if net.ParseIP(c.address) == nil {
			return c, bad
		}
	}
	if rest == "" {
		return c, nil
	}
	list, ok := strings.CutPrefix(rest, ":")
	if !ok || list == "" || strings.Trim(list, "0123456789,") != "" {
		return c, bad
	}
	c.ports = strings.Split(list, ",")
	return c, nil
}

// matches reports whether a socket is chosen.
func (c internetChoice) matches(socket sockets.Open) bool {
	if c.protocol != "" && socket.Protocol != c.protocol || c.family && (socket.Kind == "IPv6") != c.six {
		return false
	}
	local, peer, _ := strings.Cut(socket.Name, "->")
	for _, end := range []string{local, peer} {
		at := strings.LastIndexByte(end, ':')
		if at < 0 {
			continue
		}
		ip := net.ParseIP(strings.Trim(end[:at], "[]"))
		if c.address != "" && !ip.Equal(net.ParseIP(c.address)) {
			continue
		}
		if c.ports == nil || slices.Contains(c.ports, end[at+1:]) {
			return true
		}
	}
	return false
}
