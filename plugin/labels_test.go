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

// TestLabels runs the scripts in testdata/apparmor, where the kernel confines containers.
// They remove the engine's own profile, so they are for the virtual machine of
// scripts/labels only.
func TestLabels(t *testing.T) {
	module := os.Getenv("NSJOIN_TEST_LABELS")
	if module == "" {
		t.Fatal("this test takes a machine of its own: make apparmor")
	}
	runScripts(t, module)
}

// rowsVariable has a regular expression: of the parity table only the rows that match it
// are run. Without it, or with an empty one, all are.
const rowsVariable = "NSJOIN_TEST_ROWS"

// chosen are the rows whose cells, with " | " between them, match rowsVariable.
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

// The rows that scripts/labels runs are there, each kind of container that it is about
// among them.
func TestLabelsRows(t *testing.T) {
	script, err := os.ReadFile(filepath.Join("..", "scripts", "labels"))
	if err != nil {
		t.Fatal(err)
	}
	expression := regexp.MustCompile(`(?m)^rows='(.*)'$`).FindSubmatch(script)
	text, err := os.ReadFile(parityTable)
	if err != nil || expression == nil {
		t.Fatalf("scripts/labels has rows %q; %v", expression, err)
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
			t.Errorf("no row of %q", container)
		}
	}
}
