//go:build linux

package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
)

// rights matches the lines of /proc/PID/status about a process's rights.
var rights = regexp.MustCompile(`(?m)^(Uid|Gid|Cap\w+|NoNewPrivs|Seccomp\w*):.*$`)

// compareRights compares a row's rights only, for a foreign docker exec.
func (p *parity) compareRights(t *testing.T, row parityRow, a, b string) {
	t.Helper()
	theirs, ours := strings.Join(rights.FindAllString(a, -1), "\n"), strings.Join(rights.FindAllString(b, -1), "\n")
	if theirs != ours && !row.differs() {
		t.Errorf("%s:%d: the rights differ from %s's:\n%s", parityTable, row.line, p.foreign,
			diff.Diff("docker exec", []byte(theirs), "docker nsjoin", []byte(ours)))
		return
	}
	t.Logf("%s:%d: with %s:\n%s", parityTable, row.line, p.foreign, diff.Diff("docker exec", []byte(a), "docker nsjoin", []byte(b)))
	p.count(&p.theirs)
}
