package engine

import (
	"math"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// capMask returns capabilities as a number, bit N for capability number N.
func capMask(names []string) uint64 {
	var set plan.CapSet
	for _, name := range names {
		if strings.EqualFold(name, AllCaps) {
			return math.MaxUint64
		}
		set |= plan.ParseCap(name)
	}
	return uint64(set)
}

// uniqueCaps returns the names of capabilities, each once; only ALL if that is among them.
func uniqueCaps(names []string) []string {
	if has(names, AllCaps) {
		return []string{AllCaps}
	}
	var list []string
	for _, name := range plan.CapSet(capMask(names)).Names() {
		list = append(list, "CAP_"+strings.ToUpper(name))
	}
	return list
}
