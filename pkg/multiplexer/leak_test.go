//go:build linux

package multiplexer_test

import (
	"os"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/leaktest"
)

func TestMain(m *testing.M) {
	if os.Getenv(pollsVariable) != "" {
		poll()
		os.Exit(0)
	}
	os.Exit(leaktest.Run(m))
}
