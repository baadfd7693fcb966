//go:build !linux

package reach

import "context"

// IsHere reports false: a container's network is never that of this process.
func (n *Network) IsHere(context.Context, uint16) bool { return false }
