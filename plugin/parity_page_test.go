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
	atTerminal  = "At a terminal" // the heading of sections whose rows run at a terminal begins with it
	afterLogin  = "After a login" // the heading of the section whose rows run with a login UID
)

// parityRow is a row of the table: docker run's arguments, and the command with its options.
type parityRow struct {
	line      int
	section   string
	optional  bool // not every engine supports it
	container string
	options   string
	command   string
	// status and reason describe an intended difference.
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
		return row, fmt.Errorf("the last column must be STATUS REASON, not %q", cells[3])
	}
	row.reason = reason
	return row, nil
}

// parityCells splits a row at each | after a space.
func parityCells(line string) []string {
	cells := strings.Split(" "+line, " |")
	for i, cell := range cells {
		cells[i] = strings.TrimSpace(cell)
	}
	return cells
}

// alignParity aligns the columns of each section of the table.
func alignParity(text string) string {
	var b strings.Builder
	for i, section := range strings.SplitAfter(text, "\n\n") {
		if i == 0 {
			b.WriteString(section) // the explanation of the rows
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

// TestParityPage checks that docs/parity.md is up to date with the table, and that the table is aligned.
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

This page is generated from [plugin/testdata/parity.txt](../plugin/testdata/parity.txt), the table that
` + "`make test`" + ` runs on each test engine: %d rows, each a container and a command. ` + "`docker exec`" + ` and ` + "`docker nsjoin`" + `
run each command once, with the same arguments.

- Exit status, standard output and standard error are the same. If docker exec itself refuses, docker
  nsjoin refuses too, for the same kind of reason, with its own message.
- ` + "`all`" + ` prints what a process can read about itself: IDs and groups, environment in order, directory, umask,
  limits, the whole of /proc/self/status with signal masks, capabilities and seccomp, limits, cgroup,
  mountinfo, oom_score_adj, label, personality, ID maps, scheduling, session keyring, namespaces and
  descriptors. What differs between two runs of the same command is left out: numbers of processes and pipes,
  counters, sizes of memory, times.
- The status of a refusal is docker run's: 127 for a command that is not found, 126 for one that cannot
  be run, 125 for everything else. docker exec's status is the same if it is 127, or if an engine from 28
  on returns 126. Otherwise it is 1, 126 or 128, depending on the version of the engine and on ` + "`-d`" + `.
- At your terminal, ` + "`-it`" + ` is implied if none of ` + "`-i`, `-t`, `-T`, `-d`" + ` is given and neither input nor output is
  redirected: ` + "`docker nsjoin web ls`" + ` prints columns, and its lines end with CR LF, as when you type ` + "`ls`" + `. With ` + "`-T`" + `,
  or with a redirection, it prints what ` + "`docker exec web ls`" + ` prints. [streams.md](streams.md) lists all
  combinations.
- [filter.txt](../plugin/testdata/script/filter.txt) tests that the seccomp filter is the same, instruction
  by instruction.
- Not every machine and engine supports the rows with a ?; the test lists those that it could not run.

` + "`docker run -d`" + ` starts the container with the options given, from the image nsjoin-test with
` + "`sleep 600`" + ` if they name none; ` + "`$C`" + ` is the container, ` + "`$OTHER`" + ` another one, and ` + "`$FACTS`" + ` the script of ` + "`all`" + `.
`

// pageOfParity returns docs/parity.md: first the rows that differ and why, then the others.
func pageOfParity(rows []parityRow) string {
	var b strings.Builder
	fmt.Fprintf(&b, parityIntro, len(rows))
	b.WriteString("\n## Intended differences\n\n")
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

// markdown returns the first cells of the row on the page.
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
