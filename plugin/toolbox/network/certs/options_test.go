package certs

import (
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

// What a tool does not do is refused by name.
func TestOptionsAreRefused(t *testing.T) {
	tooltest.Statuses(t, Openssl, map[string]int{
		"s_client -starttls smtp -connect 127.0.0.1:1": 1,
		"s_client -proxy a:1 -connect 127.0.0.1:1":     1,
		"x509 -purpose":      1,
		"x509 -ext keyUsage": 1,
	})
}
