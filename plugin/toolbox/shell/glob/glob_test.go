package glob

import (
	"testing"

	"mvdan.cc/sh/v3/pattern"
)

// What is expected is what bash says with extglob.
func TestMatch(t *testing.T) {
	for _, row := range []struct {
		pattern, name string
		mode          pattern.Mode
		want          bool
	}{
		{"!(a)", "a", 0, false},
		{"!(a)", "b", 0, true},
		{"!(a)", "", 0, true},
		{"!(a|b*)", "bc", 0, false},
		{"!(*.txt)", "a.txt", 0, false},
		{"!(*.txt)", "a.log", 0, true},
		{"*!(.txt)", "a.txt", 0, true},
		{"!(a)*.txt", "a.txt", 0, true},
		{"x!(a|b)y", "xay", 0, false},
		{"x!(a|b)y", "xcy", 0, true},
		{"!(+([0-9]))", "123", 0, false},
		{"!(+([0-9]))", "12a", 0, true},
		{"!(x).@(c|h)", "a.c", 0, true},
		{"!(x).@(c|h)", "x.c", 0, false},
		{"!(x)?(y)", "x", 0, false},
		{"!(*(ab))", "abab", 0, false},
		{"!([[:upper:]]*)", "Abc", 0, false},
		{`!(\*)`, "*", 0, false},
		{`!(a\)b)`, "a)b", 0, false},
		{"!(!(a))", "a", 0, true},
		{"!(é)", "é", 0, false},
		{"?!(b)", "日", 0, true},
		{"!(A)", "a", pattern.NoGlobCase, false},
		{"!(a)", ".b", pattern.Filenames, false},
		{".!(a)", ".b", pattern.Filenames, true},
		{"!(a)", ".b", pattern.Filenames | pattern.GlobLeadingDot, true},
	} {
		if got := Match(row.pattern, row.name, row.mode); got != row.want {
			t.Errorf("%s matches %q: %v", row.pattern, row.name, got)
		}
	}
}
