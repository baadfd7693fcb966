//go:build !linux

package launch

import (
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// FindFacts returns no facts: this system has no namespaces.
func FindFacts(*request.Request, bool, *plan.Configured) Facts { return Facts{} }

// SharesDir reports false: an engine's host is a Linux system.
func SharesDir(int, string, string) bool { return false }

// MayJoin reports false: joining namespaces needs Linux.
func MayJoin() bool { return false }

// Silent is for containers of this machine.
func Silent(*request.Request) string { return "" }

// HostProc is for processes of this machine.
func HostProc(int) (string, error) { return "", nil }

// SilentMount is for processes of this machine.
func SilentMount(int) string { return "" }
