package edit

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

const tab = 8 // cells

// cell returns what a character looks like at a place of the line, and how many cells it takes.
func cell(r rune, at int) (string, int) {
	switch {
	case r == '\t':
		n := tab - at%tab
		return strings.Repeat(" ", n), n
	case r < ' ' || r == 0x7f:
		return "^" + string(r^0x40), 2
	case !unicode.IsPrint(r):
		return "?", 1
	}
	return string(r), max(1, runewidth.RuneWidth(r))
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

// draw sends the lines of the screen that are not there yet, and places the cursor.
func (e *editor) draw() {
	rows, columns := 24, 80
	if size, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ); err == nil && size.Row > 0 && size.Col > 0 {
		rows, columns = int(size.Row), int(size.Col)
	}
	if rows != e.rows || columns != e.columns || e.shown == nil {
		e.rows, e.columns = rows, columns
		e.shown = make([]string, rows)
		e.out.WriteString("\x1b[2J")
	}
	text := max(1, rows-1)
	e.scroll(text)
	for i := range text {
		line := "~"
		if e.top+i < len(e.lines) {
			line = e.view(e.lines[e.top+i])
		}
		e.show(i, line)
	}
	e.show(rows-1, "\x1b[7m"+e.status()+"\x1b[0m")
	fmt.Fprintf(e.out, "\x1b[%d;%dH", e.row-e.top+1, e.cells(e.row, e.column)-e.left+1)
	_ = e.out.Flush()
}

func (e *editor) show(row int, line string) {
	if e.shown[row] == line {
		return
	}
	e.shown[row] = line
	fmt.Fprintf(e.out, "\x1b[%d;1H%s\x1b[K", row+1, line)
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
		mark := ""
		if e.changed {
			mark = " *"
		}
		text = fmt.Sprintf("%s%s  %d/%d  ^S save  ^X leave  ^W search  ^K cut  ^U paste  ^Z undo  ^G help", e.path, mark, e.row+1, len(e.lines))
	}
	text = tool.Printable(text)
	text = runewidth.Truncate(text, e.columns-1, "")
	return text + strings.Repeat(" ", max(0, e.columns-1-runewidth.StringWidth(text)))
}
