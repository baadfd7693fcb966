package links

import (
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

// What a tool does not do is refused by name.
func TestOptionsAreRefused(t *testing.T) {
	tooltest.Statuses(t, Ip, map[string]int{
		"-h addr":                     255,
		"link show group default":     255,
		"addr show scope global":      255,
		"route show via 127.0.0.1":    255,
		"route show table nosuch":     1,
		"route get 127.0.0.1 sport 5": 1,
		"neigh show nud all":          255,
		"-j addr":                     0,
		"-d link":                     0,
		"link show type veth":         0,
		"route show table all":        0,
		"rule":                        0,
	})
}

func TestIpShowsOneLine(t *testing.T) {
	text, status := tooltest.Stdout(t, func() int { return Ip([]string{"-o", "-4", "addr", "show", "dev", "lo"}) })
	if status != 0 || text != "" && !strings.HasPrefix(text, "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft") || strings.Count(text, "\n") > 1 {
		t.Errorf("it prints %q, status %d", text, status)
	}
}
