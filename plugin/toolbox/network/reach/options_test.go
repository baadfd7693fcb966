package reach

import (
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

// What a tool does not do is refused by name.
func TestOptionsAreRefused(t *testing.T) {
	tooltest.Statuses(t, Ping, map[string]int{"-M nonsense 127.0.0.1": 2})
	tooltest.Statuses(t, Traceroute, map[string]int{
		"-g 10.0.0.1 127.0.0.1": 2,
		"-I -T 127.0.0.1":       2,
	})
}
