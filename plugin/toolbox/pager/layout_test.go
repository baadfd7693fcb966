package pager

import (
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/screen"
)

// What takes no columns does not make a row longer than a terminal is willing to read.
func TestRowsHaveABound(t *testing.T) {
	for _, row := range []struct{ name, text string }{
		{"combining", "e" + strings.Repeat("\u0301", 100_000)},
		{"combining first", strings.Repeat("\u0301", 100_000)},
		{"colors", strings.Repeat("\x1b[31m\x1b[32m", 100_000) + "x"},
	} {
		for _, chop := range []bool{false, true} {
			p := &pager{o: options{tab: 8, colors: true, chop: chop}, scr: &screen.Screen{Rows: 24, Columns: 80}}
			if text := p.show([]byte(row.text), p.layout([]byte(row.text), 0)[0], nil); len(text) > 4096 {
				t.Errorf("%s, chop %v: a row of %d bytes", row.name, chop, len(text))
			}
		}
	}
	p := &pager{o: options{tab: 8, colors: true}, scr: &screen.Screen{Rows: 24, Columns: 80}}
	for text, want := range map[string]string{
		"e\u0301x":                  "e\u0301x",
		"a\x1b[31mb\x1b[mc\x1b[32m": "a\x1b[31mb\x1b[mc",
	} {
		if got := p.show([]byte(text), row{}, nil); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}
