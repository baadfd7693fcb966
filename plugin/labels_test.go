//go:build linux

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestLabels runs the scripts in testdata/apparmor on a kernel that confines containers. They
// remove the engine's own profile, so they run only in the virtual machine of scripts/labels.
func TestLabels(t *testing.T) {
	module := os.Getenv("NSJOIN_TEST_LABELS")
	if module == "" {
		t.Fatal("this test needs a machine of its own: make apparmor")
	}
	runScripts(t, module)
}

// rowsVariable is a regular expression that selects rows of the parity table. If it is not
// set or empty, all rows run.
const rowsVariable = "NSJOIN_TEST_ROWS"

// chosen returns the rows whose cells, joined with " | ", match rowsVariable.
func chosen(t *testing.T, rows []parityRow) []parityRow {
	t.Helper()
	pattern, err := regexp.Compile(os.Getenv(rowsVariable))
	if err != nil {
		t.Fatalf("%s: %v", rowsVariable, err)
	}
	rows = slices.DeleteFunc(rows, func(r parityRow) bool {
		return !pattern.MatchString(strings.Join([]string{r.container, r.options, r.command}, " | "))
	})
	if len(rows) == 0 {
		t.Fatalf("%s: no row of %s matches %s", rowsVariable, parityTable, pattern)
	}
	return rows
}

// The rows that scripts/labels selects exist, and include each kind of container that it is
// about.
func TestLabelsRows(t *testing.T) {
	script, err := os.ReadFile(filepath.Join("..", "scripts", "labels"))
	if err != nil {
		t.Fatal(err)
	}
	expression := regexp.MustCompile(`(?m)^rows='(.*)'$`).FindSubmatch(script)
	text, err := os.ReadFile(parityTable)
	if err != nil || expression == nil {
		t.Fatalf("rows of scripts/labels: %q; %v", expression, err)
	}
	rows, err := parseParity(string(text))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(rowsVariable, string(expression[1]))
	rows = chosen(t, rows)
	if len(rows) < 12 {
		t.Errorf("only %d rows", len(rows))
	}
	for _, container := range []string{
		"", "--privileged", "--security-opt no-new-privileges", "--security-opt apparmor=docker-default",
		"--security-opt apparmor=unconfined", "--security-opt label=disable", "--security-opt label=level:s0:c1,c2",
	} {
		if !slices.ContainsFunc(rows, func(r parityRow) bool { return r.container == container }) {
			t.Errorf("no row for %q", container)
		}
	}
}
