//go:build linux

package keeper

import "time"

// SetPatience makes a call give up sooner.
func SetPatience(d time.Duration) (restore func()) {
	before := patience
	patience = d
	return func() { patience = before }
}
