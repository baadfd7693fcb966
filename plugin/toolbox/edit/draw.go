package edit

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/screen"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

const tab = 8 // cells

// cell returns what a character looks like at a place of the line, and how many cells it takes.
func cell(r rune, at int) (string, int) {
	switch {
	case r >= ' ' && r < 0x7f:
		return string(r), 1
	case r == '\t':
		n := tab - at%tab
		return strings.Repeat(" ", n), n
	case r < ' ' || r == 0x7f:
		return "^" + string(r^0x40), 2
	case !unicode.IsPrint(r):
		return "?", 1
	}
	if n := runewidth.RuneWidth(r); n > 0 || at > 0 && unicode.Is(unicode.M, r) {
		return string(r), n
	}
	return "?", 1
}

// cells returns how many cells are left of a column.
func (e *editor) cells(row, column int) int {
	at := 0
	for _, r := range e.lines[row][:column] {
		_, n := cell(r, at)
		at += n
	}
	return at
}

// view returns the part of a line that is on the screen.
func (e *editor) view(line []rune) string {
	var out strings.Builder
	at := 0
	for _, r := range line {
		text, n := cell(r, at)
		if at >= e.left && at+n <= e.left+e.columns {
			out.WriteString(text)
		}
		if at += n; at >= e.left+e.columns {
			break
		}
	}
	return out.String()
}

// draw shows the text and the cursor.
func (e *editor) draw() {
	e.rows, e.columns = e.scr.Size()
	text := max(1, e.rows-1)
	e.scroll(text)
	lines := make([]screen.Line, 0, e.rows)
	for i := range text {
		line := ""
		if e.top+i < len(e.lines) {
			line = e.view(e.lines[e.top+i])
		}
		lines = append(lines, screen.Line{Text: line})
	}
	lines = append(lines, screen.Line{Text: e.status(), Style: "7"})
	e.scr.Draw(lines, e.row-e.top, e.cells(e.row, e.column)-e.left)
}

// scroll brings the cursor onto the screen.
func (e *editor) scroll(text int) {
	switch {
	case e.row < e.top:
		e.top = e.row
	case e.row >= e.top+text:
		e.top = e.row - text + 1
	}
	at := e.cells(e.row, e.column)
	switch {
	case at < e.left:
		e.left = at / tab * tab
	case at >= e.left+e.columns:
		e.left = (at-e.columns)/tab*tab + tab
	}
}

// status is the line at the bottom: a message, or the file with the keys.
func (e *editor) status() string {
	text := e.message
	if text == "" {
		mark := " "
		if e.changed() {
			mark = "*"
		}
		text = fmt.Sprintf("%s %s %d/%d  ^O save  ^X leave  ^W search  ^K cut  ^U paste  M-U undo  ^G help", e.path, mark, e.row+1, len(e.lines))
	}
	text = tool.Printable(text)
	text = runewidth.Truncate(text, e.columns-1, "")
	return text + strings.Repeat(" ", max(0, e.columns-1-runewidth.StringWidth(text)))
}
