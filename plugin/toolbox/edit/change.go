package edit

import (
	"slices"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/screen"
)

// change is lines that have replaced others.
type change struct {
	at          int // the first of them
	old, new    [][]rune
	row, column int // of the cursor before
	from, to    int // versions of the text
}

// replace replaces so many lines by others, and remembers the old ones. With more, the change belongs to the one before.
func (e *editor) replace(at, n int, more bool, lines ...[]rune) {
	e.versions++
	c := change{at, slices.Clone(e.lines[at : at+n]), slices.Clone(lines), e.row, e.column, e.version, e.versions}
	e.version = c.to
	e.lines = slices.Replace(e.lines, at, at+n, lines...)
	e.redo = nil
	if last := len(e.undo) - 1; more && last >= 0 && n == 1 && len(lines) == 1 && e.undo[last].at == at && len(e.undo[last].new) == 1 {
		e.undo[last].new, e.undo[last].to = c.new, c.to
		return
	}
	e.undo = append(e.undo, c)
	e.forget()
}

// forget forgets the changes that were made first where there are too many, or where they take too much memory.
func (e *editor) forget() {
	const most, memory = 10000, 64 << 20
	first, size := len(e.undo)-1, 0
	for first > 0 && len(e.undo)-first < most {
		if size += e.undo[first].size(); size > memory {
			break
		}
		first--
	}
	e.undo = slices.Delete(e.undo, 0, first)
}

// size is the memory that a change takes, in bytes.
func (c change) size() int {
	const line, character = 24, 4
	n := 0
	for _, lines := range [][][]rune{c.old, c.new} {
		for _, l := range lines {
			n += line + character*len(l)
		}
	}
	return n
}

// restore undoes a change.
func (e *editor) restore() {
	if len(e.undo) == 0 {
		e.message = "nothing to undo"
		return
	}
	c := e.undo[len(e.undo)-1]
	e.undo = e.undo[:len(e.undo)-1]
	e.redo = append(e.redo, c)
	e.lines = slices.Replace(e.lines, c.at, c.at+len(c.new), c.old...)
	e.row, e.column, e.version = c.row, c.column, c.from
}

// repeat does a change again that was undone.
func (e *editor) repeat() {
	if len(e.redo) == 0 {
		e.message = "nothing to do again"
		return
	}
	c := e.redo[len(e.redo)-1]
	e.redo = e.redo[:len(e.redo)-1]
	e.undo = append(e.undo, c)
	e.lines = slices.Replace(e.lines, c.at, c.at+len(c.old), c.new...)
	e.row, e.column, e.version = min(c.at+len(c.new)-1, len(e.lines)-1), 0, c.to
	e.row = max(e.row, 0)
}

func (e *editor) insert(k screen.Key, typing bool) {
	line := e.lines[e.row]
	e.replace(e.row, 1, typing, slices.Insert(slices.Clone(line), e.column, rune(k)))
	e.column++
}

func (e *editor) split() {
	line := e.lines[e.row]
	e.replace(e.row, 1, false, slices.Clone(line[:e.column]), slices.Clone(line[e.column:]))
	e.row, e.column = e.row+1, 0
}

// backspace removes the character before the cursor.
func (e *editor) backspace(typing bool) {
	switch line := e.lines[e.row]; {
	case e.column > 0:
		e.replace(e.row, 1, typing, slices.Delete(slices.Clone(line), e.column-1, e.column))
		e.column--
	case e.row > 0:
		before := e.lines[e.row-1]
		e.replace(e.row-1, 2, false, slices.Concat(before, line))
		e.row, e.column = e.row-1, len(before)
	}
}

// remove removes the character at the cursor, or joins the next line.
func (e *editor) remove() {
	line := e.lines[e.row]
	switch {
	case e.column < len(line):
		e.replace(e.row, 1, false, slices.Delete(slices.Clone(line), e.column, e.column+1))
	case e.row < len(e.lines)-1:
		e.replace(e.row, 2, false, slices.Concat(line, e.lines[e.row+1]))
	}
}

// copyLine keeps the line for ^U.
func (e *editor) copyLine() {
	if !e.cutting {
		e.cut = nil
	}
	e.cut = append(e.cut, e.lines[e.row])
	e.row, e.column, e.cutting = min(e.row+1, len(e.lines)-1), 0, true
}

func (e *editor) cutLine(more bool) {
	if !more {
		e.cut = nil
	}
	e.cutting = true
	if len(e.lines) == 1 {
		if len(e.lines[0]) > 0 {
			e.cut = append(e.cut, e.lines[0])
			e.replace(0, 1, false, nil)
		}
		e.column = 0
		return
	}
	e.cut = append(e.cut, e.lines[e.row])
	e.replace(e.row, 1, false)
	e.row, e.column = min(e.row, len(e.lines)-1), 0
}

// paste inserts the lines that were cut.
func (e *editor) paste() {
	if len(e.cut) == 0 {
		return
	}
	e.replace(e.row, 0, false, e.cut...)
	e.row += len(e.cut)
	e.column = 0
}

// pasted inserts a text that the terminal pastes: no character of it is a command.
func (e *editor) pasted() {
	var text []rune
	for {
		k := e.scr.Next(time.Second, nil)
		if k == screen.PasteEnd || k == screen.Timeout || k == screen.Ended {
			e.gone = e.gone || k == screen.Ended
			break
		}
		if k >= 0 && k < screen.Meta {
			text = append(text, rune(k))
		}
	}
	e.message, e.typing = "", false
	whole := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(text))
	if whole == "" {
		return
	}
	line := e.lines[e.row]
	var lines [][]rune
	for part := range strings.SplitSeq(whole, "\n") {
		lines = append(lines, []rune(part))
	}
	last := len(lines) - 1
	column := len(lines[last])
	if last == 0 {
		column += e.column
	}
	lines[0] = slices.Concat(line[:e.column], lines[0])
	lines[last] = slices.Concat(lines[last], line[e.column:])
	e.replace(e.row, 1, false, lines...)
	e.row, e.column = e.row+last, column
	e.wish = e.cells(e.row, e.column)
}
