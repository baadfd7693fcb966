//go:build linux

package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestStreamsTable and TestStreamsAtATerminal record their outcomes in a file each, with -update.
// docs/streams.md is generated from these files.
const (
	streamsSeen = "testdata/streams-%s.txt"
	streamsPage = "../docs/streams.md"
)

// sightings records the outcomes of a test, one line for each cell of its table.
type sightings struct {
	table string
	mu    sync.Mutex
	lines []string
}

func newSightings(table string) *sightings { return &sightings{table: table} }

// add records a cell: the kind, the stream or streams, the options, the outcome, and whether docker
// exec's outcome differs.
func (s *sightings) add(kind string, streams int, options string, o outcome, differs bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := fmt.Sprintf("%s | %d | %s | %d | %s | %s | %t", kind, streams, options, o.status, o.out, o.err, differs)
	s.lines = append(s.lines, line)
}

// check compares the outcomes with the file, or writes the file with -update.
func (s *sightings) check(t *testing.T) {
	t.Helper()
	if t.Failed() {
		return
	}
	slices.Sort(s.lines)
	text := strings.Join(s.lines, "\n") + "\n"
	name := fmt.Sprintf(streamsSeen, s.table)
	if *update {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	known, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range s.lines {
		if !strings.Contains("\n"+string(known), "\n"+line+"\n") {
			t.Errorf("%s does not have %q", name, line)
		}
	}
}

// streamCell is a cell of the file.
type streamCell struct {
	kind, options string
	streams       int
	outcome
	differs bool
}

func sightingsOf(t *testing.T, table string) []streamCell {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf(streamsSeen, table))
	if err != nil {
		t.Fatal(err)
	}
	var list []streamCell
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), " | ")
		if len(f) != 7 {
			t.Fatalf("%q has %d columns", line, len(f))
		}
		streams, err := strconv.Atoi(f[1])
		if err != nil {
			t.Fatal(err)
		}
		status, err := strconv.Atoi(f[3])
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, streamCell{f[0], f[2], streams, outcome{status, f[4], f[5]}, f[6] == "true"})
	}
	return list
}

// words describes a cell on the page.
func (s streamCell) words() string {
	var words []string
	line := s.out + s.err
	_, rest, _ := strings.Cut(line, "in=")
	in, rest, _ := strings.Cut(rest, " tty=")
	tty := rest[:len(rest)-len(strings.TrimLeft(rest, "012"))]
	switch {
	case s.status == 0:
		return "runs in the background"
	case s.status != 7 && line == "" && s.status < 128:
		words = append(words, fmt.Sprintf("refused, %d", s.status))
	case s.status != 7:
		words = append(words, fmt.Sprintf("a terminal; its output is lost, or writing it ends the command (status %d)", s.status))
	default:
		if tty != "" {
			words = append(words, map[string]string{"012": "a terminal", "01": "a terminal, separate errors"}[tty])
		}
		if in != "" {
			words = append(words, "reads it")
		}
		switch {
		case strings.Contains(s.out, "out ") || strings.Contains(s.err, "out "):
		case s.out == "" && s.err == "":
			words = append(words, "all output is lost")
		default:
			words = append(words, "output is lost")
		}
		if line != "" && !strings.Contains(line, "err ") {
			words = append(words, "errors are lost")
		}
		if len(words) == 0 {
			words = append(words, "as usual")
		}
	}
	text := strings.Join(words, ", ")
	if s.differs {
		text += " *"
	}
	return text
}

func TestPageOfStreams(t *testing.T) {
	page := pageOfStreams(sightingsOf(t, "kinds"), sightingsOf(t, "terminal"))
	if *update {
		if err := os.WriteFile(streamsPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(streamsPage); err != nil || string(got) != page {
		t.Errorf("%s is not up to date, %v: go test ./plugin -run PageOfStreams -update", streamsPage, err)
	}
}

const streamsIntro = `# Standard streams

The tables show what a command in a container gets for each kind of standard stream and each option. The result is
the same as with ` + "`docker exec`" + `: what the command reads, which of its streams are terminals, what arrives of its output,
and the exit status. Cells with a \* differ.

The rules behind the tables:

- Standard input is passed to the command with ` + "`-i`" + `. Without it nothing is read from your standard input, and the
  command reads from ` + "`/dev/null`" + `.
- ` + "`-it`" + ` is implied if standard input and output are your terminal, docker nsjoin is in its foreground, and none of
  ` + "`-i`, `-t`, `-T`, `-d`" + ` is given. Then ` + "`ls`" + ` prints columns and colours, and lines end with CR LF, as at any terminal.
- A command in a container never gets your own files. It gets pipes from docker nsjoin, a terminal of the container, or the
  container's ` + "`/dev/null`" + `. So it does not matter whether a file was opened to append, can be reopened, or was deleted.
- A command in the host's file system (` + "`--only net`" + `) that is not started through the engine gets your own streams, as
  with nsenter, and is not on this page.

What the cells mean:

| cell | what the command and you see |
|---|---|
| as usual | the command reads nothing, none of its streams is a terminal, output and errors arrive |
| reads it | the command reads the input |
| a terminal | its standard input, output and error are one terminal of its own, and what it writes arrives at your output |
| a terminal, separate errors | its input and output are a terminal, and its errors go where you redirected them |
| output is lost, errors are lost | they cannot be written to your stream |
| all output is lost | the command has a terminal, and neither its output nor its errors can be written to your stream |
| refused | the command does not run |
| runs in the background | your streams are not used |

Why the cells with a \* differ:

- **refused, 125**: docker nsjoin's status for bad input is 125, as docker run's; docker exec's is 1.
- **output is lost, errors are lost**: docker exec ends when it cannot write, and nothing reads the command's output any
  more; docker nsjoin runs the command to its end, returns its status, and reports what is lost.
- **a terminal** without ` + "`-t`" + `: it is implied (see above).

This page is generated. ` + "`TestStreamsTable`" + ` and ` + "`TestStreamsAtATerminal`" + ` of ` + "`make session`" + ` run each cell with ` + "`docker exec`" + ` and
with ` + "`docker nsjoin`" + `, with the same arguments (except ` + "`-T`" + `, which docker exec does not have), locally and, with
` + "`NSJOIN_TEST_VIA=engine`" + `, through the engine. They record the results in
[streams-kinds.txt](../plugin/testdata/streams-kinds.txt) and [streams-terminal.txt](../plugin/testdata/streams-terminal.txt).

`

// pageOfStreams returns the text of docs/streams.md.
func pageOfStreams(kinds, terminal []streamCell) string {
	var b strings.Builder
	b.WriteString(streamsIntro)
	for number, name := range []string{"Standard input", "Standard output", "Standard error"} {
		var rows []string
		for _, kind := range kindsOfStreams {
			rows = append(rows, kind.name)
		}
		fmt.Fprintf(&b, "## %s\n\nEach row is a kind of %s; the other two streams are pipes. A terminal in this table is not the\n"+
			"terminal that docker nsjoin is started from.\n\n", name, strings.ToLower(name))
		cells := slices.DeleteFunc(slices.Clone(kinds), func(c streamCell) bool { return c.streams != number })
		b.WriteString(tableOfStreams("", rows, streamsOptions, cells, func(c streamCell) string { return c.kind }))
	}
	for _, place := range []string{foreground, background, orphaned} {
		fmt.Fprintf(&b, "## At a terminal, %s\n\n", place)
		var rows []string
		for redirected := range 8 {
			rows = append(rows, redirection(redirected))
		}
		options := []string{"", "-T", "-t=false", "-t"}
		if place != foreground {
			options = []string{"", "-t=false", "-t"}
		}
		cells := slices.DeleteFunc(slices.Clone(terminal), func(c streamCell) bool { return c.kind != place })
		b.WriteString(tableOfStreams("redirected", rows, options, cells, func(c streamCell) string { return redirection(c.streams) }))
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// redirection returns the redirections in shell syntax.
func redirection(streams int) string {
	var list []string
	for i, word := range []string{"`</dev/null`", "`>out`", "`2>err`"} {
		if streams&(1<<i) != 0 {
			list = append(list, word)
		}
	}
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, " ")
}

// tableOfStreams returns a table with these rows and a column for each option.
func tableOfStreams(head string, rows, options []string, cells []streamCell, rowOf func(streamCell) string) string {
	var b strings.Builder
	b.WriteString("| " + head)
	for _, o := range options {
		if o == "" {
			b.WriteString(" | no option")
			continue
		}
		b.WriteString(" | `" + o + "`")
	}
	b.WriteString(" |\n|" + strings.Repeat("---|", len(options)+1) + "\n")
	for _, row := range rows {
		b.WriteString("| " + row)
		for _, o := range options {
			i := slices.IndexFunc(cells, func(c streamCell) bool { return rowOf(c) == row && c.options == o })
			if i < 0 {
				b.WriteString(" | not tested")
				continue
			}
			b.WriteString(" | " + cells[i].words())
		}
		b.WriteString(" |\n")
	}
	return b.String() + "\n"
}
