//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Results that are added replace those with the same title, and no others: one engine may be reached in several ways.
func TestAddedResults(t *testing.T) {
	dir := t.TempDir()
	for _, r := range []struct {
		title, engine, row string
		add                bool
	}{
		{"", "1.0", "main", false},
		{"", "2.0", "replaced", true},
		{"By ssh", "1.0", "far, replaced", true},
		{"", "2.0", "other", true},
		{"By ssh", "1.0", "far", true},
	} {
		one := report{Title: r.title, Machine: machine{Engine: r.engine}, Results: []result{{Name: r.row, Remark: "of " + r.row}, {Name: r.row, Remark: "of " + r.row}}}
		if err := one.save(dir, r.add); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile(filepath.Join(dir, "benchmarks.md"))
	if err != nil {
		t.Fatal(err)
	}
	rest := string(page)
	for _, want := range []string{"| main |", "\nmain: of main.\n", "\n## Engine 2.0\n", "| other |", "\nother: of other.\n", "\n## By ssh\n", "| far |", "\nfar: of far.\n"} {
		before, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("%q is not found in its place:\n%s", want, page)
		}
		if strings.Contains(before, ": of ") || strings.Contains(before, "## ") {
			t.Errorf("before %q:\n%s", want, before)
		}
		rest = after
	}
	if strings.Contains(string(page), "replaced") {
		t.Errorf("results are left that were replaced:\n%s", page)
	}
}
