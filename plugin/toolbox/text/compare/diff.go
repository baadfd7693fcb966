// Package compare has the tools that compare files: cmp, comm and diff.
package compare

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"

	"github.com/pmezard/go-difflib/difflib"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// diff is a call of diff.
type diff struct {
	unified                                                          int // lines around; -1 is the plain format
	brief, same, recursive, newFile, fold, blanks, allBlanks, asText bool

	out    *bufio.Writer
	title  string // the command and its options
	differ bool
	lost   bool // the place in the directories
	status int
}

// Diff compares files or directories.
func Diff(args []string) int {
	d := &diff{}
	f := tool.Flags("diff", "[OPTIONS] FILE FILE")
	unified := f.BoolP("u", "u", false, "the unified format")
	f.IntVarP(&d.unified, "unified", "U", -1, "the unified format with so many lines around")
	f.BoolVarP(&d.brief, "brief", "q", false, "tell only whether files differ")
	f.BoolVarP(&d.same, "report-identical-files", "s", false, "tell which files are the same")
	f.BoolVarP(&d.recursive, "recursive", "r", false, "directories too")
	f.BoolVarP(&d.newFile, "new-file", "N", false, "a missing file is an empty one")
	f.BoolVarP(&d.fold, "ignore-case", "i", false, "ignore case")
	f.BoolVarP(&d.blanks, "ignore-space-change", "b", false, "ignore the amount of blanks")
	f.BoolVarP(&d.allBlanks, "ignore-all-space", "w", false, "ignore blanks")
	f.BoolVarP(&d.asText, "text", "a", false, "binary files are text")
	f.String("color", "", "no colors are shown")
	f.Lookup("color").NoOptDefVal = "auto"
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() != 2 {
		return tool.Misused(f)
	}
	if *unified && d.unified < 0 {
		d.unified = 3
	}
	out, flush := tool.Output()
	defer flush()
	d.out = out
	d.title = "diff "
	files := f.Args()
	for _, arg := range args {
		if len(files) > 0 && arg == files[0] {
			files = files[1:]
		} else {
			d.title += tool.Printable(arg) + " "
		}
	}
	d.arguments(f.Arg(0), f.Arg(1))
	switch {
	case d.status != 0:
		return d.status
	case d.differ:
		return 1
	}
	return 0
}

func (d *diff) fail(err error) {
	_ = d.out.Flush()
	d.status = tool.Refuse("diff", err)
}

// texts compares what two files have. title is the line above the differences of files in directories.
func (d *diff) texts(a, b *side, aText, bText []byte, title string) {
	if bytes.Equal(aText, bText) {
		if d.same {
			fmt.Fprintf(d.out, "Files %s and %s are identical\n", a.Quoted(), b.Quoted())
		}
		return
	}
	binary := !d.asText && (bytes.IndexByte(aText[:min(len(aText), 8192)], 0) >= 0 || bytes.IndexByte(bText[:min(len(bText), 8192)], 0) >= 0)
	if d.brief || binary {
		d.differ = true
		kind := "Files"
		if binary && !d.brief {
			kind = "Binary files"
		}
		fmt.Fprintf(d.out, "%s %s and %s differ\n", kind, a.Quoted(), b.Quoted())
		return
	}
	aLines, bLines := splitLines(aText), splitLines(bText)
	matcher := difflib.NewMatcherWithJunk(d.keys(aLines), d.keys(bLines), false, nil)
	codes := matcher.GetOpCodes()
	if len(codes) == 0 || len(codes) == 1 && codes[0].Tag == 'e' {
		return
	}
	d.differ = true
	d.out.WriteString(title)
	if d.unified >= 0 {
		fmt.Fprintf(d.out, "--- %s%s\n+++ %s%s\n", a.Quoted(), a.changed(), b.Quoted(), b.changed())
		for _, group := range matcher.GetGroupedOpCodes(d.unified) {
			d.hunk(group, aLines, bLines)
		}
		return
	}
	for _, c := range codes {
		d.plain(c, aLines, bLines)
	}
}

// splitLines splits a text. Its last line has no newline if the text has none.
func splitLines(text []byte) []string {
	lines := strings.SplitAfter(string(text), "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// keys returns what is compared of the lines.
func (d *diff) keys(lines []string) []string {
	if !d.fold && !d.blanks && !d.allBlanks {
		return lines
	}
	keys := make([]string, len(lines))
	for i, line := range lines {
		switch {
		case d.allBlanks:
			line = strings.Join(strings.Fields(line), "")
		case d.blanks:
			line = strings.TrimRight(line, " \t\n")
			lead := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
			line = strings.Join(strings.Fields(line), " ")
			if lead != "" {
				line = " " + line
			}
		}
		if d.fold {
			line = strings.ToLower(line)
		}
		keys[i] = line
	}
	return keys
}
