package run

import (
	"slices"
	"strconv"
	"strings"
)

// ddUnits are the units of numbers of dd, in bytes.
var ddUnits = map[string]int64{
	"c": 1, "w": 2, "b": 512, "kB": 1000, "k": 1 << 10, "K": 1 << 10, "KB": 1000, "KiB": 1 << 10, "MB": 1e6, "m": 1 << 20, "M": 1 << 20, "MiB": 1 << 20,
	"GB": 1e9, "g": 1 << 30, "G": 1 << 30, "GiB": 1 << 30, "T": 1 << 40, "TB": 1e12,
}

// DdNumbers writes the numbers among dd's arguments without units: bs=1k is bs=1024.
func DdNumbers(args []string) []string {
	out := slices.Clone(args)
	for i, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || !slices.Contains([]string{"bs", "ibs", "obs", "count", "skip", "seek", "iseek", "oseek"}, name) {
			continue
		}
		end := len(value) - len(strings.TrimLeft(value, "0123456789"))
		n, err := strconv.ParseInt(value[:end], 10, 64)
		unit, known := ddUnits[value[end:]]
		if err != nil || !known || n > (1<<62)/unit {
			continue // dd says what it does not know
		}
		name = map[string]string{"iseek": "skip", "oseek": "seek"}[name] + map[bool]string{true: name}[name != "iseek" && name != "oseek"]
		out[i] = name + "=" + strconv.FormatInt(n*unit, 10)
	}
	return out
}
