//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

const (
	parityTable = "testdata/parity.txt"
	parityPage  = "../docs/parity.md"
	atTerminal  = "At a terminal" // what sections begin with whose rows are run at one
	afterLogin  = "After a login" // the one whose rows are run with a login uid
)

// parityRow is a row of the table: what a container is made with and what is
// run in it.
type parityRow struct {
	line      int
	section   string
	optional  bool // it needs what not every engine has
	container string
	options   string
	command   string
	// status and reason are of a difference on purpose.
	status int
	reason string
}

func (r parityRow) differs() bool { return r.reason != "" }

// parseParity reads the table.
func parseParity(text string) ([]parityRow, error) {
	var rows []parityRow
	section, number := "", 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			section = heading
			continue
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		row, err := parseParityRow(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", parityTable, number, err)
		}
		row.line, row.section = number, section
		rows = append(rows, row)
	}
	return rows, nil
}

func parseParityRow(line string) (parityRow, error) {
	cells := parityCells(line)
	if len(cells) != 4 {
		return parityRow{}, fmt.Errorf("%d columns, not 4", len(cells))
	}
	row := parityRow{container: cells[0], options: cells[1], command: cells[2]}
	if rest, ok := strings.CutPrefix(row.container, "?"); ok {
		row.optional, row.container = true, strings.TrimSpace(rest)
	}
	if cells[3] == "" {
		return row, nil
	}
	status, reason, _ := strings.Cut(cells[3], " ")
	var err error
	row.status, err = strconv.Atoi(status)
	if err != nil || reason == "" {
		return row, fmt.Errorf("a difference is STATUS reason, not %q", cells[3])
	}
	row.reason = reason
	return row, nil
}

// parityCells splits a row at each | that a space is in front of.
func parityCells(line string) []string {
	cells := strings.Split(" "+line, " |")
	for i, cell := range cells {
		cells[i] = strings.TrimSpace(cell)
	}
	return cells
}

// alignParity is the table with the columns of each section aligned.
func alignParity(text string) string {
	var b strings.Builder
	for i, section := range strings.SplitAfter(text, "\n\n") {
		if i == 0 {
			b.WriteString(section) // what a row is
			continue
		}
		var widths [3]int
		rows := func(do func(line string, cells []string)) {
			for line := range strings.Lines(section) {
				var cells []string
				if strings.Contains(line, "|") && !strings.HasPrefix(line, "#") {
					cells = parityCells(strings.TrimSpace(line))
				}
				do(line, cells)
			}
		}
		rows(func(_ string, cells []string) {
			for i := range min(len(cells), len(widths)) {
				widths[i] = max(widths[i], len(cells[i]))
			}
		})
		rows(func(line string, cells []string) {
			if len(cells) != 4 {
				b.WriteString(line)
				return
			}
			row := fmt.Sprintf("%-*s | %-*s | %-*s | %s", widths[0], cells[0], widths[1], cells[1], widths[2], cells[2], cells[3])
			b.WriteString(strings.TrimRight(row, " ") + "\n")
		})
	}
	return b.String()
}

// docs/parity.md is the table for readers, and the table is aligned.
func TestParityPage(t *testing.T) {
	text, err := os.ReadFile(parityTable)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := parseParity(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []struct{ name, want string }{
		{parityTable, alignParity(string(text))},
		{parityPage, pageOfParity(rows)},
	} {
		if *update {
			if err := os.WriteFile(file.name, []byte(file.want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(file.name)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != file.want {
			t.Errorf("%s is not up to date: go test ./plugin -run ParityPage -update", file.name)
		}
	}
}

const parityIntro = `# docker nsjoin beside docker exec

This page is made from [plugin/testdata/parity.txt](../plugin/testdata/parity.txt), the table that
` + "`make test`" + ` runs on each test engine: %d rows, each a container and a command that is run in it once by
` + "`docker exec`" + ` and once by ` + "`docker nsjoin`" + `, with the same words.

- Exit status, standard output and standard error are the same. Where docker exec itself refuses, docker
  nsjoin refuses too, for the same kind of reason, in words of its own.
- ` + "`all`" + ` prints what a process can read of itself: ids and groups, environment in order, directory, umask,
  limits, the whole of /proc/self/status with signal masks, capabilities and seccomp, limits, cgroup,
  mountinfo, oom_score_adj, label, personality, ID maps, scheduling, session keyring, namespaces and
  descriptors. Left out is what two runs of the same command differ in: numbers of processes and pipes,
  counters, sizes of memory, times.
- The status of such a refusal is that of docker run: 127 for a command that is not found, 126 for one
  that cannot be run, 125 for everything else. docker exec has 1, 126 or 128 for the same refusal,
  depending on the version of the engine and on ` + "`-d`" + `; only where its status is 127, or an engine
  from 28 on gives 126, is it the same.
- At your terminal, ` + "`-it`" + ` is implied if none of ` + "`-i`, `-t`, `-T`, `-d`" + ` is given and neither input nor output is
  redirected: ` + "`docker nsjoin web ls`" + ` prints columns, and its lines end with CR LF, as where you type ` + "`ls`" + `. With ` + "`-T`" + `,
  or where something is redirected, it prints what ` + "`docker exec web ls`" + ` prints. [streams.md](streams.md) has all
  combinations.
- That the seccomp filter is the same instruction by instruction is in
  [filter.txt](../plugin/testdata/script/filter.txt).
- Rows with a ? need what not every machine and engine has; where it is missing, the test lists them.

The container is made by ` + "`docker run -d`" + ` with the options given, from the image nsjoin-test with
` + "`sleep 600`" + ` if they name none; ` + "`$C`" + ` is the container, ` + "`$OTHER`" + ` another one, and ` + "`$FACTS`" + ` the script of ` + "`all`" + `.
`

// pageOfParity is docs/parity.md: what differs and why, then what is alike.
func pageOfParity(rows []parityRow) string {
	var b strings.Builder
	fmt.Fprintf(&b, parityIntro, len(rows))
	b.WriteString("\n## What differs on purpose\n\n")
	b.WriteString("| container | options | command | status | why |\n|---|---|---|---|---|\n")
	for _, row := range rows {
		if row.differs() {
			fmt.Fprintf(&b, "%s %d | %s |\n", row.markdown(), row.status, row.reason)
		}
	}
	section := ""
	for _, row := range rows {
		if row.differs() {
			continue
		}
		if row.section != section {
			section = row.section
			fmt.Fprintf(&b, "\n## %s\n\n| container | options | command |\n|---|---|---|\n", section)
		}
		b.WriteString(row.markdown() + "\n")
	}
	return b.String()
}

func (r parityRow) markdown() string {
	container := code(r.container)
	if r.optional {
		container = strings.TrimSpace("? " + container)
	}
	return fmt.Sprintf("| %s | %s | %s |", container, code(r.options), code(r.command))
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(text, "|", `\|`) + "`"
}
