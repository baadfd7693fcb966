package awk

import (
	"fmt"
	"testing"
	"time"
)

// What is expected is what gawk 5 prints.
func TestFunctions(t *testing.T) {
	time.Local = time.UTC
	sub := func(pattern, replacement, how, text string) string {
		s, err := gensub(pattern, replacement, how, text)
		return fmt.Sprint(s, err)
	}
	for i, row := range [][2]any{
		{sub("a(b*)", `<\1>`, "g", "abb a c"), "<bb> <> c<nil>"},
		{sub("a", "[&]", "2", "a a a"), "a [a] a<nil>"},
		{sub("a", `\&\\`, "1", "aa"), `&\a<nil>`},
		{sub("x", "y", "g", "abc"), "abc<nil>"},
		{sub("b", `\0\0`, "G", "abc"), "abbc<nil>"},
		{strftime("%Y-%m-%d %H:%M:%S", "86399"), "1970-01-01 23:59:59"},
		{strftime("%F", "-1", "1"), "1969-12-31"},
		{mktime("2024 01 02 03 04 05"), 1704164645.0},
		{mktime("2024 01"), -1.0},
		{strtonum("0x1F"), 31.0},
		{strtonum("-017"), -15.0},
		{strtonum("12.5abc"), 12.5},
		{strtonum("abc"), 0.0},
		{bits(12, 10, []float64{8}, func(x, y uint64) uint64 { return x & y }), 8.0},
	} {
		if row[0] != row[1] {
			t.Errorf("%d: %v, want %v", i, row[0], row[1])
		}
	}
}
