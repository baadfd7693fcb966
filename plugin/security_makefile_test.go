//go:build linux

package main

import (
	"go/build"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// makefile is what the Makefile says about tests.
type makefile struct {
	targets map[string]bool
	selects map[string]*regexp.Regexp // by variable, the tests that need more than a Go compiler
	run     map[string]bool           // the variables that targets use, among them ENGINELESS
}

func makefileOf(t *testing.T) makefile {
	t.Helper()
	text, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	m := makefile{make(map[string]bool), make(map[string]*regexp.Regexp), make(map[string]bool)}
	for _, match := range regexp.MustCompile(`(?m)^([A-Z]+) *:= (\^Test.*)$`).FindAllStringSubmatch(string(text), -1) {
		m.selects[match[1]] = regexp.MustCompile(strings.ReplaceAll(match[2], "$$", "$"))
	}
	for _, match := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllStringSubmatch(string(text), -1) {
		m.targets[match[1]] = true
	}
	for _, match := range regexp.MustCompile(`(?m)^\t.*\$\(([A-Z]+)\)'? ?(\./plugin)?`).FindAllStringSubmatch(string(text), -1) {
		m.run[match[1]] = true
	}
	skipped := regexp.MustCompile(`(?m)^ENGINELESS := -skip '(.*)' \./plugin$`).FindStringSubmatch(string(text))
	if len(m.selects) == 0 || !m.run["ENGINELESS"] || skipped == nil {
		t.Fatalf("the Makefile has changed; this test cannot read it: %v", slices.Collect(maps.Keys(m.run)))
	}
	// Tests that ENGINELESS does not skip run without an engine.
	for variable := range m.selects {
		if !strings.Contains(skipped[1], "$("+variable+")") {
			delete(m.selects, variable)
		}
	}
	return m
}

// testsOf returns the test functions below a directory that build on this system, with the
// directory of each.
func testsOf(t *testing.T, root string) map[string]string {
	t.Helper()
	context := build.Default
	context.BuildTags = []string{"foreign", "libseccomp"} // those of make foreign and make seccomp
	tests := make(map[string]string)
	for _, pattern := range []string{"plugin", "plugin/*", "plugin/*/*", "plugin/*/*/*", "pkg/*", "pkg/*/*", "scripts/*"} {
		files, err := filepath.Glob(filepath.Join(root, pattern, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			dir, base := filepath.Split(file)
			if ok, err := context.MatchFile(dir, base); err != nil || !ok {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range function.FindAllStringSubmatch(string(text), -1) {
				tests[match[1]] = filepath.Clean(dir)
			}
		}
	}
	return tests
}
