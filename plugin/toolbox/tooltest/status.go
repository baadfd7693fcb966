package tooltest

import (
	"strings"
	"testing"
)

// Statuses checks the status of each call of a tool. Its arguments are divided by spaces.
func Statuses(t *testing.T, main func([]string) int, want map[string]int) {
	t.Helper()
	for args, status := range want {
		if _, got := Stdout(t, func() int { return main(strings.Fields(args)) }); got != status {
			t.Errorf("%s: status %d, want %d", args, got, status)
		}
	}
}
