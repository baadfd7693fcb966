//go:build !linux

package launch

import (
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// FindFacts returns no facts: this system has no namespaces.
func FindFacts(*request.Request, bool, *plan.Configured) Facts { return Facts{} }

// MayJoin reports false: joining namespaces needs Linux.
func MayJoin() bool { return false }
