package screen

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Line is a line of the screen. It is at most as wide as that.
type Line struct {
	Text  string // without control characters, or with sequences that set colors
	Style string // of all of it: the parameter of the sequence, or empty
}

// Draw sends what the screen lacks of the lines, and places the cursor, or hides it if row is negative.
func (s *Screen) Draw(lines []Line, row, column int) {
	var out strings.Builder
	if s.shown == nil && s.o.Stay && !s.scrolled { // what was there scrolls away
		out.WriteString(strings.Repeat("\n", s.Rows-1))
	}
	s.scrolled = true
	lines = append(slices.Clone(lines[:min(len(lines), s.Rows)]), make([]Line, max(0, s.Rows-len(lines)))...)
	if len(s.shown) == len(lines) {
		s.scroll(&out, lines)
	}
	for i, line := range lines {
		switch {
		case len(s.shown) != len(lines):
			out.WriteString(s.to(i, 0) + "\x1b[K" + styled(line.Style, line.Text))
		case s.shown[i] != line:
			s.change(&out, i, line)
		}
	}
	if hide := row < 0; hide != s.dim {
		s.dim = hide
		out.WriteString(map[bool]string{true: "\x1b[?25l", false: "\x1b[?25h"}[hide])
	}
	row, column = max(row, 0), min(column, s.Columns-1)
	if out.Len() > 0 || row != s.row || column != s.column {
		out.WriteString(s.to(row, column))
		_, _ = tool.Stdout.Write([]byte(out.String()))
	}
	s.shown, s.row, s.column = lines, row, column
}

// to returns the sequence that moves the cursor.
func (s *Screen) to(row, column int) string { return fmt.Sprintf("\x1b[%d;%dH", row+1, column+1) }

func styled(style, text string) string {
	if style == "" || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[m"
}

// scroll moves the lines above the last one, if most of them are to be at another place.
func (s *Screen) scroll(out *strings.Builder, lines []Line) {
	n := len(lines) - 1 // the last line is no text
	for by := 1; by <= n/2; by++ {
		up, down := 0, 0
		stay := 0
		for i := range n {
			if s.shown[i] == lines[i] {
				stay++
			}
			if i+by < n && s.shown[i+by] == lines[i] {
				up++
			}
			if i >= by && s.shown[i-by] == lines[i] {
				down++
			}
		}
		switch {
		case up == n-by && up > stay+1:
			fmt.Fprintf(out, "\x1b[1;%dr%s%s\x1b[r", n, s.to(n-1, 0), strings.Repeat("\n", by))
			s.shown = slices.Concat(s.shown[by:n], make([]Line, by), s.shown[n:])
			return
		case down == n-by && down > stay+1:
			fmt.Fprintf(out, "\x1b[1;%dr%s%s\x1b[r", n, s.to(0, 0), strings.Repeat("\x1bM", by))
			s.shown = slices.Concat(make([]Line, by), s.shown[:n-by], s.shown[n:])
			return
		}
	}
}

// change sends the part of a line that differs from what is there.
func (s *Screen) change(out *strings.Builder, row int, line Line) {
	old := s.shown[row]
	if old.Style != line.Style || strings.Contains(old.Text+line.Text, "\x1b") {
		out.WriteString(s.to(row, 0) + "\x1b[K" + styled(line.Style, line.Text))
		return
	}
	at := 0
	for at < len(old.Text) && at < len(line.Text) && old.Text[at] == line.Text[at] {
		at++
	}
	for at > 0 && !boundary(line.Text, old.Text, at) {
		_, n := utf8.DecodeLastRuneInString(line.Text[:at])
		at -= n
	}
	was, is := runewidth.StringWidth(old.Text), runewidth.StringWidth(line.Text)
	rest, erase := line.Text[at:], ""
	if is < was {
		erase = "\x1b[K"
	}
	if is == was {
		for end := old.Text[at:]; rest != "" && end != ""; { // what is the same at the end stays
			r, n := utf8.DecodeLastRuneInString(rest)
			other, m := utf8.DecodeLastRuneInString(end)
			if r != other || runewidth.RuneWidth(r) == 0 {
				break
			}
			rest, end = rest[:len(rest)-n], end[:len(end)-m]
		}
	}
	out.WriteString(s.to(row, runewidth.StringWidth(line.Text[:at])) + styled(line.Style, rest) + erase)
}

// boundary reports whether a character begins at a place of both texts, and none that belongs to the one before.
func boundary(a, b string, at int) bool {
	for _, text := range []string{a, b} {
		if at == len(text) {
			continue
		}
		r, _ := utf8.DecodeRuneInString(text[at:])
		if !utf8.RuneStart(text[at]) || runewidth.RuneWidth(r) == 0 {
			return false
		}
	}
	return true
}
