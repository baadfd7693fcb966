package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/list"
)

// TestListIsComplete checks that each name in the list has either a command of another module or a tool of this one.
func TestListIsComplete(t *testing.T) {
	for _, row := range list.Tools {
		for _, name := range row.Names {
			if mine := own(name) != nil; mine == (row.Command != "") {
				t.Errorf("%s: its command is %q, and whether it is this module's own: %v", name, row.Command, mine)
			}
		}
	}
}

// TestOwnIsListed checks that each name in own.go is in the list.
func TestOwnIsListed(t *testing.T) {
	source, err := os.ReadFile("own.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^\tcase (.*):$`).FindAllStringSubmatch(string(source), -1)
	if len(found) < 50 {
		t.Fatalf("only %d cases found", len(found))
	}
	for _, match := range found {
		for name := range strings.SplitSeq(match[1], ", ") {
			if name = strings.Trim(name, `"`); list.Find(name) == nil {
				t.Errorf("%s is not in the list", name)
			}
		}
	}
}
