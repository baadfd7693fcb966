package pager

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// unit is a character of a line, as it is shown.
type unit struct {
	n     int    // bytes of the line
	text  string // empty: a tab, or a sequence that changes the style
	width int
	style string // of itself: parameters of the sequence that sets it
	set   string // the style that follows, by a sequence
	tab   bool
}

// next returns the unit at the begin of a line's rest.
func (p *pager) next(b []byte) unit {
	c := b[0]
	if len(b) > 2 {
		if u, ok := overstruck(b); ok {
			return u
		}
	}
	switch {
	case c == '\t':
		return unit{n: 1, tab: true}
	case c == 0x1b && p.o.colors:
		if n := colorSequence(b); n > 0 {
			return unit{n: n, set: string(b[2 : n-1])}
		}
		fallthrough
	case c == 0x1b:
		return unit{n: 1, text: "ESC", width: 3, style: "7"}
	case c < ' ' || c == 0x7f:
		return unit{n: 1, text: "^" + string(rune(c^0x40)), width: 2, style: "7"}
	case c < 0x80:
		return unit{n: 1, text: string(rune(c)), width: 1}
	}
	r, n := utf8.DecodeRune(b)
	switch {
	case r == utf8.RuneError && n <= 1:
		return unit{n: 1, text: fmt.Sprintf("<%02X>", c), width: 4, style: "7"}
	case unicode.IsPrint(r) || unicode.Is(unicode.Zs, r):
		return unit{n: n, text: string(r), width: runewidth.RuneWidth(r)}
	}
	text := fmt.Sprintf("<U+%04X>", r)
	return unit{n: n, text: text, width: len(text), style: "7"}
}

// overstruck returns a character that is printed twice, which is bold, or with an underscore.
func overstruck(b []byte) (unit, bool) {
	first, n := utf8.DecodeRune(b)
	if len(b) < n+2 || b[n] != '\b' {
		return unit{}, false
	}
	second, m := utf8.DecodeRune(b[n+1:])
	if !unicode.IsPrint(first) || !unicode.IsPrint(second) {
		return unit{}, false
	}
	u := unit{n: n + 1 + m, text: string(second), width: runewidth.RuneWidth(second), style: "1"}
	switch {
	case first == second:
	case first == '_':
		u.style = "4"
	case second == '_':
		u.text, u.width, u.style = string(first), runewidth.RuneWidth(first), "4"
	default:
		u.style = ""
	}
	return u, true
}

// colorSequence returns the length of a sequence that sets colors, or 0. No other sequence reaches the terminal.
func colorSequence(b []byte) int {
	if len(b) < 3 || b[1] != '[' {
		return 0
	}
	for i, c := range b[2:] {
		switch {
		case c == 'm':
			return i + 3
		case c != ';' && c != ':' && (c < '0' || c > '9') || i > 40:
			return 0
		}
	}
	return 0
}

// plain returns a line as it is searched, and the place of each of its bytes in the line; nil if nothing was left out.
func (p *pager) plain(line []byte) (out []byte, at []int) {
	if bytes.IndexByte(line, '\b') < 0 && (!p.o.colors || bytes.IndexByte(line, 0x1b) < 0) {
		return line, nil
	}
	for i := 0; i < len(line); {
		u := p.next(line[i:])
		content := line[i : i+u.n]
		switch {
		case u.set != "" || u.n > 2 && line[i] == 0x1b:
			content = nil
		case u.style == "1" || u.style == "4" || bytes.IndexByte(content, '\b') > 0:
			content = []byte(u.text)
		}
		for range content {
			at = append(at, i)
		}
		out = append(out, content...)
		i += u.n
	}
	return out, append(at, len(line))
}

// row is where a row of a line begins, and the style that is set there.
type row struct {
	from  int
	style string
}

// layout returns the rows that a line takes, at least one, but not more than so many, unless that is 0.
func (p *pager) layout(line []byte, most int) []row {
	rows := []row{{}}
	if p.chops() {
		return rows
	}
	width, at, style := p.width(), 0, ""
	for i := 0; i < len(line); {
		u := p.next(line[i:])
		w := u.width
		if u.tab {
			w = min(p.o.tab-at%p.o.tab, width-at)
		}
		if at+w > width || u.tab && w <= 0 {
			if most > 0 && len(rows) >= most {
				return rows
			}
			rows, at = append(rows, row{i, style}), 0
			if u.tab {
				w = p.o.tab
			}
		}
		style = restyled(style, u)
		at += min(w, width)
		i += u.n
	}
	return rows
}

// restyled returns the style after a unit.
func restyled(style string, u unit) string {
	switch {
	case u.text != "" || u.tab:
		return style
	case u.set == "" || u.set == "0":
		return ""
	case strings.HasPrefix(u.set, "0;"):
		return u.set[2:]
	case style == "" || len(style) > 200:
		return u.set
	}
	return style + ";" + u.set
}

// writer collects the text of a row.
type writer struct {
	strings.Builder
	set string // the style that is set
	at  int    // the column

	combined int // characters without a width since the last one that has one
}

func (w *writer) put(text, style string, width int) {
	if style != w.set {
		if w.set != "" {
			w.WriteString("\x1b[m")
		}
		if style != "" {
			w.WriteString("\x1b[" + style + "m")
		}
		w.set = style
	}
	w.WriteString(text)
	w.at += width
}

// mostCombined is how many characters are shown on top of another one.
const mostCombined = 32

// unit writes a unit for a column, which may be left of the screen. What takes no columns does not make a row much longer.
func (w *writer) unit(u unit, style string, column int) {
	if w.combined++; u.width > 0 {
		w.combined = 0
	}
	switch {
	case u.text == "" || w.combined > mostCombined:
	case column >= 0:
		w.put(u.text, style, u.width)
	case column+u.width > 0: // only a part of it is on the screen
		w.put(strings.Repeat(" ", column+u.width), style, column+u.width)
	}
}

// show returns a row of a line as it is sent. marks are the places that were searched for.
func (p *pager) show(line []byte, r row, marks [][]int) string {
	var w writer
	width, skip := p.width(), 0
	if p.chops() {
		skip = p.left
	}
	style, at := r.style, 0 // the column in the line
	for i := r.from; i < len(line); {
		u := p.next(line[i:])
		style = restyled(style, u)
		if u.tab {
			p.widen(&u, at)
		}
		if at+u.width-skip > width || u.tab && u.width <= 0 {
			if p.chops() {
				p.cutMark(&w, width)
			}
			break
		}
		for len(marks) > 0 && marks[0][1] <= i {
			marks = marks[1:]
		}
		own := strings.Trim(style+";"+u.style, ";")
		if len(marks) > 0 && marks[0][0] < i+u.n {
			own = "7"
		}
		w.unit(u, own, at-skip)
		at += u.width
		i += u.n
	}
	w.put("", "", 0)
	return w.String()
}

// widen makes spaces of a tab at a column.
func (p *pager) widen(u *unit, at int) {
	u.width = p.o.tab - at%p.o.tab
	if !p.chops() {
		u.width = max(0, min(u.width, p.width()-at))
	}
	u.text = strings.Repeat(" ", u.width)
}

// cutMark replaces the last column of a row by a sign for the rest of the line.
func (p *pager) cutMark(w *writer, width int) {
	if w.at >= width { // the last character goes
		text := w.String()
		_, n := utf8.DecodeLastRuneInString(text)
		r, _ := utf8.DecodeLastRuneInString(text)
		set := w.set
		w.Reset()
		w.WriteString(text[:len(text)-n])
		w.set, w.at = set, w.at-runewidth.RuneWidth(r)
	}
	w.put(strings.Repeat(" ", max(0, width-1-w.at)), "", 0)
	w.put(">", "7", 1)
}

// chops reports whether a line takes one row.
func (p *pager) chops() bool { return p.o.chop || p.left > 0 }

// width returns the columns for text.
func (p *pager) width() int {
	if p.o.numbers {
		return max(1, p.scr.Columns-numberWidth)
	}
	return max(1, p.scr.Columns)
}

// numberWidth is the columns that a line's number takes with -N.
const numberWidth = 8
