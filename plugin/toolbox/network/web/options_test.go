package web

import (
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

// What a tool does not do is refused by name.
func TestOptionsAreRefused(t *testing.T) {
	tooltest.Statuses(t, Wget, map[string]int{
		"-r http://127.0.0.1:1":         2,
		"-c -O file http://127.0.0.1:1": 2,
		"http://127.0.0.1:1":            4,
		"ftp://127.0.0.1/x":             1,
	})
}
