//go:build linux

package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// missing records a row that this engine does not support.
func (p *parity) missing(t *testing.T, row parityRow, why string) {
	if !row.optional && p.foreign == "" {
		t.Errorf("%s:%d: %s", parityTable, row.line, why)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nowhere = append(p.nowhere, fmt.Sprintf("%s:%d: %s: %s", parityTable, row.line,
		strings.Join(strings.Fields(row.container+" "+row.options), " "), cause(why)))
}

func (p *parity) count(what *int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*what++
}

// report prints the number of rows of each kind, and the rows that this engine does not support.
// go test shows it with -v. The file of a run of all rows is what make test prints.
func (p *parity) report(t *testing.T) {
	t.Helper()
	text := fmt.Sprintf("%d the same, %d differ as intended, %d differ because docker exec is foreign, %d failed, %d not supported by this engine\n",
		p.alike, p.differ, p.theirs, p.failed, len(p.nowhere))
	slices.Sort(p.nowhere)
	for _, row := range p.nowhere {
		text += row + "\n"
	}
	t.Log(text)
	if strings.Contains(flag.Lookup("test.run").Value.String(), "/") {
		return // some of the rows only
	}
	dir := cmp.Or(os.Getenv("NSJOIN_TEST_REPORTS"), filepath.Join("..", "build"))
	file := filepath.Join(dir, "parity-"+os.Getenv("NSJOIN_TEST_ENGINE")+".txt")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Error(err)
	}
}
