package tool

import (
	"cmp"
	"strings"
)

// CompareVersions compares runs of digits as numbers and all else as text: file2 is before file10.
func CompareVersions(a, b string) int {
	for a != "" && b != "" {
		aDigits := len(a) - len(strings.TrimLeft(a, "0123456789"))
		bDigits := len(b) - len(strings.TrimLeft(b, "0123456789"))
		if aDigits > 0 && bDigits > 0 {
			x, y := strings.TrimLeft(a[:aDigits], "0"), strings.TrimLeft(b[:bDigits], "0")
			if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
				return c
			}
			a, b = a[aDigits:], b[bDigits:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}
