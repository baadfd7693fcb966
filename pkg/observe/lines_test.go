//go:build linux

package observe

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Lines are complete, whatever parts the kernel returns, and reading stops when see returns false.
func TestReadLines(t *testing.T) {
	p, err := OpenProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.read("smaps") // some hundred lines
	if err != nil {
		t.Fatal(err)
	}
	names := func(text string) (names []string) {
		for line := range strings.Lines(text) {
			if name, _, ok := strings.Cut(line, ":"); ok && !strings.Contains(name, " ") {
				names = append(names, name)
			}
		}
		return names
	}
	var lines []string
	if err := p.readLines("smaps", func(line string) bool {
		lines = append(lines, line)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	want := names(text)[:100]
	if got := names(strings.Join(lines, "\n"))[:100]; !slices.Equal(got, want) || len(lines) < 100 {
		t.Errorf("%d lines begin %q, want %q", len(lines), got, want)
	}
	seen := 0
	if err := p.readLines("smaps", func(string) bool { seen++; return seen < 3 }); err != nil || seen != 3 {
		t.Errorf("%d lines were seen, %v; want 3", seen, err)
	}
}
