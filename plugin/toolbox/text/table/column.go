// Package table is the toolbox's column.
package table

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// column is a call of column.
type column struct {
	separators, between string
	greedy              bool // several separators are one
	right               map[int]bool
	rows                [][]string
	out                 *bufio.Writer
}

// Column prints lines in columns, or as a table.
func Column(args []string) int {
	c := &column{greedy: true}
	f := tool.Flags("column", "[-tx] [-s CHARACTERS] [-o TEXT] [-N NAMES] [-R COLUMNS] [-c WIDTH] [FILE...]")
	asTable := f.BoolP("table", "t", false, "the words of lines are a table's columns")
	across := f.BoolP("fillrows", "x", false, "fill rows before columns")
	f.StringVarP(&c.separators, "separator", "s", " \t", "the characters between words")
	f.StringVarP(&c.between, "output-separator", "o", "  ", "what is between the columns of a table")
	names := f.StringSliceP("table-columns", "N", nil, "titles of a table")
	right := f.StringSliceP("table-right", "R", nil, "columns of a table that are aligned to the right, by number or title")
	width := f.IntP("output-width", "c", 0, "the width of the output")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	c.greedy = !f.Changed("separator")
	out, flush := tool.Output()
	defer flush()
	c.out = out
	if len(*names) > 0 {
		c.rows = append(c.rows, *names)
	}
	var lines []string
	var kept tool.Kept
	var full error
	status := tool.Inputs("column", f.Args(), func(in tool.Input) error {
		return tool.Lines(in, func(line []byte) bool {
			if text := string(line); strings.TrimSpace(text) != "" {
				lines = append(lines, text)
				full = kept.Add(2 * len(line))
			}
			return full == nil
		})
	})
	if full != nil {
		return tool.Complain("column", full)
	}
	if !*asTable {
		c.fill(lines, screenWidth(*width), *across)
		return status
	}
	for _, line := range lines {
		c.rows = append(c.rows, c.words(line))
	}
	if err := c.aligned(*right, *names); err != nil {
		return tool.Complain("column", err)
	}
	c.print()
	return status
}

// screenWidth returns the width of the output.
func screenWidth(asked int) int {
	if asked > 0 {
		return asked
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if size, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ); err == nil && size.Col > 0 {
		return int(size.Col)
	}
	return 80
}

// words splits a line.
func (c *column) words(line string) []string {
	is := func(r rune) bool { return strings.ContainsRune(c.separators, r) }
	if c.greedy {
		return strings.FieldsFunc(line, is)
	}
	var words []string
	for {
		at := strings.IndexFunc(line, is)
		if at < 0 {
			return append(words, line)
		}
		words = append(words, line[:at])
		line = line[at+len(string([]rune(line[at:])[0])):]
	}
}

// aligned notes the columns of -R.
func (c *column) aligned(right, names []string) error {
	c.right = make(map[int]bool)
	for _, word := range right {
		n, err := strconv.Atoi(word)
		for i, name := range names {
			if name == word {
				n, err = i+1, nil
			}
		}
		if err != nil || n < 1 {
			return fmt.Errorf("undefined column name '%s'", word)
		}
		c.right[n-1] = true
	}
	return nil
}

func (c *column) print() {
	var widths []int
	for _, row := range c.rows {
		for i, word := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], cells(word))
		}
	}
	for _, row := range c.rows {
		for i := range widths {
			word := ""
			if i < len(row) {
				word = row[i]
			}
			pad := strings.Repeat(" ", widths[i]-cells(word))
			if c.right[i] {
				word, pad = pad+word, ""
			}
			c.out.WriteString(word)
			if i < len(widths)-1 {
				c.out.WriteString(pad + c.between)
			}
		}
		c.out.WriteByte('\n')
	}
}

// fill prints lines in as many columns as the output has room for, with tabs between them.
func (c *column) fill(lines []string, width int, across bool) {
	const tab = 8
	widest := 0
	for _, line := range lines {
		widest = max(widest, cells(line))
	}
	each := (widest + tab) / tab * tab
	columns := max(1, width/each)
	rows := (len(lines) + columns - 1) / columns
	if widest >= width {
		columns, rows = 1, len(lines)
	}
	for row := range rows {
		for i := range columns {
			at, next := i*rows+row, (i+1)*rows+row
			if across {
				at, next = row*columns+i, row*columns+i+1
			}
			if at >= len(lines) {
				break
			}
			c.out.WriteString(lines[at])
			if i == columns-1 || next >= len(lines) {
				break
			}
			for used := cells(lines[at]); used < each; used = used/tab*tab + tab {
				c.out.WriteByte('\t')
			}
		}
		c.out.WriteByte('\n')
	}
}

// cells returns how many places of a terminal a text takes, without those that are twice as wide.
func cells(text string) int { return len([]rune(text)) }
