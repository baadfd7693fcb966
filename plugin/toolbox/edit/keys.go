package edit

import (
	"slices"
	"unicode"
)

// key is a character, or one of the names below.
type key rune

const (
	keyUp key = -1 - iota
	keyDown
	keyLeft
	keyRight
	keyHome
	keyEnd
	keyPageUp
	keyPageDown
	keyDelete
	keyUnknown
)

const (
	escape    = 0x1b
	backspace = 0x7f
)

func control(letter byte) key { return key(letter & 0x1f) }

// sequences are what terminals send for keys after ESC.
var sequences = map[string]key{
	"[A": keyUp, "OA": keyUp, "[B": keyDown, "OB": keyDown, "[C": keyRight, "OC": keyRight, "[D": keyLeft, "OD": keyLeft,
	"[H": keyHome, "OH": keyHome, "[1~": keyHome, "[7~": keyHome, "[F": keyEnd, "OF": keyEnd, "[4~": keyEnd, "[8~": keyEnd,
	"[5~": keyPageUp, "[6~": keyPageDown, "[3~": keyDelete,
}

// read reads a key.
func (e *editor) read() (key, error) {
	r, _, err := e.in.ReadRune()
	if err != nil || r != escape || !e.more() {
		return key(r), err
	}
	sequence := ""
	for len(sequence) < 8 && e.more() {
		b, err := e.in.ReadByte()
		if err != nil {
			return 0, err
		}
		sequence += string(rune(b))
		switch {
		case len(sequence) == 1 && b != '[' && b != 'O',
			len(sequence) > 1 && (unicode.IsLetter(rune(b)) || b == '~'):
			return known(sequence), nil
		}
	}
	return known(sequence), nil
}

// more reports whether more follows at once, or soon: over a slow link, the bytes of a key arrive one by one.
func (e *editor) more() bool { return e.in.Buffered() > 0 || e.waits() }

func known(sequence string) key {
	if k, ok := sequences[sequence]; ok {
		return k
	}
	return keyUnknown
}

// handle handles a key, and returns true if the editor is left.
func (e *editor) handle(k key) bool {
	e.message = ""
	cutting, typing := e.cutting, e.typing
	e.cutting, e.typing = false, false
	switch k {
	case control('X'), control('Q'):
		return e.leave()
	case control('S'), control('O'):
		e.store()
	case control('W'), control('F'):
		e.search(true)
	case control('N'):
		e.search(false)
	case control('G'):
		e.message = "^S save  ^X leave  ^W search  ^N next  ^K cut line  ^U paste  ^Z undo  ^T line number  ^A ^E begin and end of line"
	case control('T'):
		e.goTo()
	case control('Z'), control('_'):
		e.restore()
	case control('L'):
		e.shown = nil
	case control('K'):
		e.cutLine(cutting)
	case control('U'):
		e.paste()
	case '\r', '\n':
		e.remember(false)
		e.split()
	case backspace, control('H'):
		e.remember(typing)
		e.typing = true
		e.backspace()
	case keyDelete, control('D'):
		e.remember(false)
		e.remove()
	default:
		switch {
		case k >= ' ' || k == '\t':
			e.remember(typing)
			e.typing = true
			line := e.lines[e.row]
			e.lines[e.row] = slices.Insert(slices.Clone(line), e.column, rune(k))
			e.column++
			e.changed = true
		default:
			e.move(k)
			return false
		}
	}
	e.wish = e.cells(e.row, e.column)
	return false
}

// remember keeps what undoing restores, unless the key belongs to those before.
func (e *editor) remember(more bool) {
	if more && len(e.undo) > 0 {
		return
	}
	const most = 200
	e.undo = append(e.undo, state{slices.Clone(e.lines), e.row, e.column, e.changed})
	if len(e.undo) > most {
		e.undo = e.undo[1:]
	}
}

func (e *editor) restore() {
	if len(e.undo) == 0 {
		e.message = "nothing to undo"
		return
	}
	s := e.undo[len(e.undo)-1]
	e.undo = e.undo[:len(e.undo)-1]
	e.lines, e.row, e.column, e.changed = s.lines, s.row, s.column, s.changed
}

func (e *editor) move(k key) {
	page := max(1, e.rows-3)
	switch k {
	case keyUp, control('P'):
		e.vertical(-1)
	case keyDown:
		e.vertical(1)
	case keyPageUp, control('Y'):
		e.vertical(-page)
	case keyPageDown, control('V'):
		e.vertical(page)
	case keyLeft, control('B'):
		if e.column > 0 {
			e.column--
		} else if e.row > 0 {
			e.row--
			e.column = len(e.lines[e.row])
		}
	case keyRight:
		if e.column < len(e.lines[e.row]) {
			e.column++
		} else if e.row < len(e.lines)-1 {
			e.row++
			e.column = 0
		}
	case keyHome, control('A'):
		e.column = 0
	case keyEnd, control('E'):
		e.column = len(e.lines[e.row])
	}
	if k != keyUp && k != keyDown && k != keyPageUp && k != keyPageDown {
		e.wish = e.cells(e.row, e.column)
	}
}

func (e *editor) vertical(by int) {
	e.row = max(0, min(len(e.lines)-1, e.row+by))
	e.column = 0
	for e.column < len(e.lines[e.row]) && e.cells(e.row, e.column+1) <= e.wish {
		e.column++
	}
}

func (e *editor) split() {
	line := e.lines[e.row]
	e.lines = slices.Insert(slices.Clone(e.lines), e.row+1, slices.Clone(line[e.column:]))
	e.lines[e.row] = slices.Clone(line[:e.column])
	e.row, e.column, e.changed = e.row+1, 0, true
}

func (e *editor) backspace() {
	if e.column == 0 && e.row == 0 {
		return
	}
	if e.column > 0 {
		e.column--
	} else {
		e.row--
		e.column = len(e.lines[e.row])
	}
	e.remove()
}

// remove removes the character at the cursor, or joins the next line.
func (e *editor) remove() {
	line := e.lines[e.row]
	switch {
	case e.column < len(line):
		e.lines[e.row] = slices.Delete(slices.Clone(line), e.column, e.column+1)
	case e.row < len(e.lines)-1:
		e.lines[e.row] = slices.Concat(line, e.lines[e.row+1])
		e.lines = slices.Delete(slices.Clone(e.lines), e.row+1, e.row+2)
	default:
		return
	}
	e.changed = true
}

func (e *editor) cutLine(more bool) {
	e.remember(more)
	if !more {
		e.cut = nil
	}
	e.cut = append(e.cut, e.lines[e.row])
	e.lines = slices.Delete(slices.Clone(e.lines), e.row, e.row+1)
	if len(e.lines) == 0 {
		e.lines = [][]rune{nil}
	}
	e.row = min(e.row, len(e.lines)-1)
	e.column, e.changed, e.cutting = 0, true, true
}

func (e *editor) paste() {
	if len(e.cut) == 0 {
		return
	}
	e.remember(false)
	e.lines = slices.Insert(slices.Clone(e.lines), e.row, e.cut...)
	e.row += len(e.cut)
	e.column, e.changed = 0, true
}
