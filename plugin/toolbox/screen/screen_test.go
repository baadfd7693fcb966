package screen

import (
	"bufio"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

// The bytes of a key may arrive one by one. ESC alone is a key, if nothing follows it soon.
func TestKeysArriveInParts(t *testing.T) {
	for _, row := range []struct {
		bytes string
		want  []Key
	}{
		{"\x1b[A", []Key{Up}},
		{"\x1b[5~x", []Key{PageUp, 'x'}},
		{"\x1bOHy", []Key{Home, 'y'}},
		{"\x1bx\x1b[B", []Key{Meta | 'x', Down}},
		{"é\x1b", []Key{'é', Escape}},
		{"\x1b\x1b[A", []Key{Escape, Up}},
		{"\x1b[200~a\x18\x1b[201~", []Key{Paste, 'a', 0x18, PasteEnd}},
		{"\x1b[1;9Zq", []Key{Unknown, 'q'}},
		{"", []Key{Ended}},
	} {
		rest := strings.NewReader(row.bytes)
		s := &Screen{in: bufio.NewReader(iotest.OneByteReader(rest)), waits: func() bool { return rest.Len() > 0 }}
		for _, want := range row.want {
			if k := s.read(); k != want {
				t.Errorf("%q: key %d, want %d", row.bytes, k, want)
			}
		}
	}
}

// Over a slow link, each byte counts.
func TestDrawSendsLittle(t *testing.T) {
	s := &Screen{Rows: 24, Columns: 80}
	page := make([]Line, 24)
	for i := range page {
		page[i].Text = strings.Repeat(string(rune('a'+i)), 70)
	}
	page[23] = Line{Text: "status 1/100", Style: "7"}
	with := func(change func(lines []Line)) []Line {
		lines := append([]Line(nil), page...)
		change(lines)
		return lines
	}
	draw := func(lines []Line, row, column int) int {
		text, _ := tooltest.Stdout(t, func() int { s.Draw(lines, row, column); return 0 })
		return len(text)
	}
	if n := draw(page, 3, 3); n < 70*23 {
		t.Errorf("the first time it sends %d bytes", n)
	}
	for _, row := range []struct {
		what        string
		lines       []Line
		row, column int
		most        int
	}{
		{"nothing", page, 3, 3, 0},
		{"a move of the cursor", page, 4, 3, 8},
		{"another line's number", with(func(l []Line) { l[23].Text = "status 2/100" }), 4, 3, 30},
		{"a character", with(func(l []Line) { l[4].Text += "x" }), 4, 71, 40},
		{"one character for another", with(func(l []Line) { l[4].Text = l[4].Text[:10] + "é" + l[4].Text[11:] + "x" }), 4, 71, 40},
		{"the same again", page, 4, 71, 90},
		{"lines that scroll", append(append(append([]Line(nil), page[1:23]...), Line{Text: "new"}), page[23]), 4, 71, 60},
		{"lines that scroll back", page, 4, 71, 130},
		{"wide characters", with(func(l []Line) { l[2].Text = "日本語" }), 4, 71, 40},
		{"another wide character", with(func(l []Line) { l[2].Text = "日本a語" }), 4, 71, 40},
	} {
		if n := draw(row.lines, row.row, row.column); n > row.most {
			t.Errorf("%s: %d bytes, more than %d", row.what, n, row.most)
		}
	}
}
