package forward

import (
	"net/netip"
	"slices"
	"strings"
)

// Text returns a forward as it is printed: 127.0.0.1:8080 -> web:80. The two loopback addresses with one port are
// printed as the first of them.
func Text(container string, listen []string, target string, reverse, proxy bool) string {
	shown := shorten(listen)
	if reverse {
		for i := range shown {
			shown[i] = container + ":" + shown[i]
		}
	}
	text := strings.Join(shown, ", ") + " -> " + target
	if proxy {
		text += " (SOCKS5)"
	}
	return text
}

// shorten omits [::1]:N after 127.0.0.1:N.
func shorten(listen []string) []string {
	var shown []string
	for _, address := range listen {
		at, err := netip.ParseAddrPort(address)
		if err == nil && at.Addr() == netip.IPv6Loopback() {
			both := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()).String()
			if slices.Contains(listen, both) {
				continue
			}
		}
		shown = append(shown, address)
	}
	return shown
}
