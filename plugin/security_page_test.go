//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityPage checks that the tests that docs/security.md names exist and that a target of
// the Makefile runs them. It checks these words of each code span:
//
//	TestName               a test function, anywhere
//	make TARGET            a target
//	script/NAME.txt        a script of plugin/testdata/script
//	plugin/…, pkg/…        a file, or a directory with tests; {a,b} as in a shell
//	NAME_test.go, NAME.txt without a directory: below plugin/ or plugin/testdata
//
// Each row of a table whose last column is "Tested by" must name at least one.
func TestSecurityPage(t *testing.T) {
	page, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := testsOf(t, "..")
	for _, complaint := range citations(string(page), makefileOf(t), tests) {
		t.Errorf("docs/security.md: %s", complaint)
	}
}

// The check reports each kind of error.
func TestSecurityPageComplains(t *testing.T) {
	made := makefileOf(t)
	tests := testsOf(t, "..")
	for _, row := range []struct{ text, complaint string }{
		{"`TestHostileRoot`, `script/{hostile,identity}.txt`, `pkg/inroot`, `parity.txt`, `make session`", ""},
		{"`pkg/observe/{shim,forged}_test.go`, `plugin/mix_test.go`, `docker run`, `NAME.txt`", ""},
		{"`script/none.txt`", "script/none.txt does not exist"},
		{"`script/{hostile,none}.txt`", "script/none.txt does not exist"},
		{"`pkg/observe/none_test.go`", "pkg/observe/none_test.go does not exist"},
		{"`pkg/seccomp/syscalls`", "pkg/seccomp/syscalls has no tests"},
		{"`TestNone`", "there is no TestNone"},
		{"`make none`", "make has no target none"},
		{"| Promise | How | Tested by |\n|---|---|---|\n| all | by care | reading |\n", `a row names no test: "| all | by care | reading |"`},
		{"| Promise | How | Tested by |\n|---|---|---|\n| all | by care | `TestHostileRoot` |\n", ""},
	} {
		if got := strings.Join(citations(row.text, made, tests), "; "); got != row.complaint {
			t.Errorf("%s: %q, want %q", row.text, got, row.complaint)
		}
	}
	// A test that no target selects does not run.
	made.run = map[string]bool{"ENGINELESS": true}
	if got := citations("`TestHostileRoot`", made, tests); len(got) != 1 || !strings.Contains(got[0], "no target of make runs TestHostileRoot") {
		t.Errorf("a test that no target runs: %q", got)
	}
}

var (
	span      = regexp.MustCompile("`([^`]+)`")
	testedBy  = regexp.MustCompile(`\| *Tested by *\|$`)
	testName  = regexp.MustCompile(`^(Test|Fuzz|Benchmark)[A-Z]\w*$`)
	function  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Z]\w*)\(`)
	alternate = regexp.MustCompile(`^(.*)\{([^}]*)\}(.*)$`)
)

// citations returns the errors in the tests that text names.
func citations(text string, made makefile, tests map[string]string) (complaints []string) {
	held := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		named := 0
		for _, match := range span.FindAllStringSubmatch(line, -1) {
			n, wrong := citation(match[1], made, tests)
			named += n
			complaints = append(complaints, wrong...)
		}
		switch {
		case !strings.HasPrefix(line, "|"):
			held = false
		case testedBy.MatchString(line):
			held = true
		case held && named == 0 && strings.Trim(line, "|-: ") != "":
			complaints = append(complaints, fmt.Sprintf("a row names no test: %q", line))
		}
	}
	return complaints
}

// citation checks one code span. It returns how many tests the span names, and the errors.
func citation(text string, made makefile, tests map[string]string) (named int, wrong []string) {
	words := strings.Fields(text)
	if len(words) == 2 && words[0] == "make" {
		if !made.targets[words[1]] {
			wrong = append(wrong, "make has no target "+words[1])
		}
		return 1, wrong
	}
	for _, word := range words {
		for _, one := range expand(word) {
			switch {
			case testName.MatchString(one):
				named++
				wrong = append(wrong, ran(one, made, tests)...)
			case strings.HasPrefix(one, "pkg/") || strings.HasPrefix(one, "plugin/") || strings.HasPrefix(one, "script/") ||
				strings.HasSuffix(one, "_test.go") || strings.HasSuffix(one, ".txt"):
				if strings.Contains(one, "NAME") {
					continue // a placeholder in the page's explanation
				}
				named++
				wrong = append(wrong, there(one, made, tests)...)
			}
		}
	}
	return named, wrong
}

// expand expands a{b,c}d to abd and acd.
func expand(word string) []string {
	match := alternate.FindStringSubmatch(word)
	if match == nil {
		return []string{word}
	}
	var list []string
	for one := range strings.SplitSeq(match[2], ",") {
		list = append(list, expand(match[1]+one+match[3])...)
	}
	return list
}

// there returns the errors of a file or directory of tests.
func there(name string, made makefile, tests map[string]string) []string {
	for _, dir := range []string{"..", ".", "testdata"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		if !info.IsDir() {
			return inFile(filepath.Join(dir, name), name, made, tests)
		}
		goTests, _ := filepath.Glob(filepath.Join(dir, name, "*_test.go"))
		scripts, _ := filepath.Glob(filepath.Join(dir, name, "*.txt"))
		if len(goTests) == 0 && (len(scripts) == 0 || !strings.Contains(name, "testdata")) {
			return []string{name + " has no tests"}
		}
		return nil
	}
	return []string{name + " does not exist"}
}

// inFile returns the errors of a file of tests. All scripts run, except those that skip in the
// first line.
func inFile(path, name string, made makefile, tests map[string]string) (wrong []string) {
	text, err := os.ReadFile(path)
	if err != nil || strings.HasPrefix(string(text), "skip") {
		return []string{name + " is never run"}
	}
	if strings.HasSuffix(name, "_test.go") {
		for _, match := range function.FindAllStringSubmatch(string(text), -1) {
			wrong = append(wrong, ran(match[1], made, tests)...)
		}
	}
	return wrong
}

// ran returns the errors of a test. The Makefile's expressions tell which target runs a test of
// plugin; tests of other packages always run.
func ran(name string, made makefile, tests map[string]string) []string {
	dir, ok := tests[name]
	if !ok {
		return []string{"there is no " + name}
	}
	if filepath.Base(dir) != "plugin" || !strings.HasPrefix(name, "Test") {
		return nil
	}
	special := false
	for variable, expression := range made.selects {
		if !expression.MatchString(name) {
			continue
		}
		special = true
		if made.run[variable] {
			return nil
		}
	}
	if special || !made.run["ENGINELESS"] {
		return []string{"no target of make runs " + name}
	}
	return nil
}
