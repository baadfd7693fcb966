package edit

import (
	"fmt"
	"unicode"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/screen"
)

func control(letter byte) screen.Key { return screen.Control(letter) }

func meta(k screen.Key) screen.Key { return screen.Meta | k }

// handle handles a key, and returns true if the editor is left.
func (e *editor) handle(k screen.Key) bool {
	if k == screen.Ended {
		return true
	}
	e.message = ""
	if e.meta && k >= 0 && k != screen.Escape {
		k |= screen.Meta
	}
	e.meta = k == screen.Escape
	if k&screen.Meta != 0 && k > 0 && unicode.IsUpper(rune(k&^screen.Meta)) {
		k = meta(screen.Key(unicode.ToLower(rune(k &^ screen.Meta))))
	}
	cutting, typing := e.cutting, e.typing
	e.cutting, e.typing = false, false
	switch {
	case k == control('X'):
		return e.leave()
	case e.command(k) || e.changes(k, cutting, typing):
		e.wish = e.cells(e.row, e.column)
	default:
		e.move(k)
	}
	return false
}

// command does what changes nothing in a line.
func (e *editor) command(k screen.Key) bool {
	switch k {
	case control('S'):
		e.store(false)
	case control('O'):
		e.store(true)
	case control('W'):
		e.search(true, false)
	case control('Q'):
		e.search(true, true)
	case meta('w'):
		e.search(false, false)
	case meta('q'):
		e.search(false, true)
	case control('\\'), meta('r'):
		e.replaceAll()
	case control('G'):
		e.message = "^O ^S save  ^X leave  ^W search  M-W next  ^\\ replace  ^K cut  ^U paste  M-6 copy  M-U undo  M-E redo  ^_ line  ^Z stop"
	case control('C'):
		e.message = fmt.Sprintf("line %d/%d, col %d/%d", e.row+1, len(e.lines), e.column+1, len(e.lines[e.row])+1)
	case control('_'), control('T'), meta('g'):
		e.goTo()
	case control('Z'):
		e.scr.Suspend(true)
	case control('L'):
		e.scr.Forget()
	default:
		return false
	}
	return true
}

// changes changes the text.
func (e *editor) changes(k screen.Key, cutting, typing bool) bool {
	switch k {
	case meta('u'):
		e.restore()
	case meta('e'):
		e.repeat()
	case control('K'):
		e.cutLine(cutting)
	case meta('6'), meta('^'):
		e.cutting = cutting
		e.copyLine()
	case control('U'):
		e.paste()
	case '\r', '\n':
		e.split()
	case screen.Backspace, control('H'):
		e.typing = true
		e.backspace(typing)
	case screen.Delete, control('D'):
		e.remove()
	default:
		if k != '\t' && k < ' ' || k >= screen.Meta {
			return false
		}
		e.typing = true
		e.insert(k, typing)
	}
	return true
}

// move moves the cursor.
func (e *editor) move(k screen.Key) {
	page := max(1, e.rows-3)
	switch k {
	case screen.Up, control('P'):
		e.vertical(-1)
	case screen.Down, control('N'):
		e.vertical(1)
	case screen.PageUp, control('Y'):
		e.vertical(-page)
	case screen.PageDown, control('V'):
		e.vertical(page)
	default:
		e.along(k)
		e.wish = e.cells(e.row, e.column)
	}
}

// along moves the cursor along the line, and to its neighbours.
func (e *editor) along(k screen.Key) {
	switch k {
	case screen.Left, control('B'):
		e.step(-1)
	case screen.Right, control('F'):
		e.step(1)
	case meta('b'), meta(' '): // ^left
		e.word(-1)
	case meta('f'): // ^right
		e.word(1)
	case screen.Home, control('A'):
		e.column = 0
	case screen.End, control('E'):
		e.column = len(e.lines[e.row])
	case meta('\\'), meta('|'), meta('<'):
		e.row, e.column = 0, 0
	case meta('/'), meta('?'), meta('>'):
		e.row = len(e.lines) - 1
		e.column = len(e.lines[e.row])
	}
}

// step moves by a character, and returns false at the begin or the end of the text.
func (e *editor) step(by int) bool {
	switch {
	case by < 0 && e.column > 0:
		e.column--
	case by < 0 && e.row > 0:
		e.row--
		e.column = len(e.lines[e.row])
	case by > 0 && e.column < len(e.lines[e.row]):
		e.column++
	case by > 0 && e.row < len(e.lines)-1:
		e.row++
		e.column = 0
	default:
		return false
	}
	return true
}

// word moves to the begin of a word.
func (e *editor) word(by int) {
	in := func(back int) bool {
		line, at := e.lines[e.row], e.column-back
		return at >= 0 && at < len(line) && (unicode.IsLetter(line[at]) || unicode.IsDigit(line[at]) || line[at] == '_')
	}
	for goesOn := true; goesOn; {
		goesOn = e.step(by) && (!in(0) || in(1))
	}
}

// vertical moves to another line, and to the cell where the cursor was.
func (e *editor) vertical(by int) {
	e.row = max(0, min(len(e.lines)-1, e.row+by))
	e.column = 0
	at := 0
	for _, r := range e.lines[e.row] {
		_, n := cell(r, at)
		if at += n; at > e.wish {
			break
		}
		e.column++
	}
}
