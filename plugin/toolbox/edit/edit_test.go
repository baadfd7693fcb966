package edit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/screen"
)

// A file that is saved without a change has the same bytes.
func TestSavingKeepsWhatWasNotChanged(t *testing.T) {
	for _, text := range []string{
		"", "\n", "\n\n", "a\n", "a", "a\r\nb\r\n", "a\r\nb", "a\r\n", "a\r\nb\nc\r\n", "a\r", "a\r\nb\r", "\xff\xfe\n", "ab\xc3\nc\xe4\xb8\n", "日本\n", "\xef\xbf\xbd\n", "a\x00b\n",
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		e := &editor{path: path}
		if err := e.load(); err != nil {
			t.Fatal(err)
		}
		if err := e.save(); err != nil {
			t.Fatal(err)
		}
		if saved, err := os.ReadFile(path); err != nil || string(saved) != text {
			t.Errorf("%q becomes %q, %v", text, saved, err)
		}
	}
}

func TestSavingKeepsOtherLines(t *testing.T) {
	e := &editor{}
	e.setText("a\r\n\xff\nc\n")
	e.row = 2
	e.handle('x')
	if got := string(e.text()); got != "a\r\n\xff\nxc\n" {
		t.Errorf("it becomes %q", got)
	}
	e.setText("")
	e.row, e.column = 0, 0
	e.handle('x')
	if got := string(e.text()); got != "x\n" {
		t.Errorf("a new file becomes %q", got)
	}
}

func TestSavingKeepsHardLinks(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "file"), filepath.Join(dir, "other")
	if err := os.WriteFile(path, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(path, other); err != nil {
		t.Fatal(err)
	}
	e := &editor{path: path}
	if err := e.load(); err != nil {
		t.Fatal(err)
	}
	e.setText("b\n")
	if err := e.save(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(other); err != nil || string(text) != "b\n" {
		t.Errorf("the other name has %q, %v", text, err)
	}
}

func TestSearchFindsBehindLettersThatGrow(t *testing.T) {
	e := &editor{lines: [][]rune{[]rune("xİİ Word")}, searched: "word"}
	e.search(false, false)
	if e.column != 4 {
		t.Errorf("the cursor is at %d, want 4", e.column)
	}
}

// Undoing and doing again restores each text that there was, and knows which of them the file has.
func TestUndoAndRedo(t *testing.T) {
	e := &editor{}
	e.setText("one\ntwo\nthree\n")
	texts := []string{string(e.text())}
	for _, k := range []screen.Key{'a', '\r', screen.Delete, control('K'), control('U'), screen.Backspace, control('K'), control('K'), control('U'), 'x', screen.Left, screen.Backspace} {
		e.handle(k)
		if text := string(e.text()); text != texts[len(texts)-1] {
			texts = append(texts, text)
		}
	}
	e.saved = e.version
	for i := len(texts) - 1; i > 0; i-- {
		if got := string(e.text()); got != texts[i] || e.changed() != (i < len(texts)-1) {
			t.Errorf("text %d is %q, want %q; changed: %v", i, got, texts[i], e.changed())
		}
		e.restore()
	}
	for i := range texts {
		if got := string(e.text()); got != texts[i] {
			t.Errorf("text %d again is %q, want %q", i, got, texts[i])
		}
		e.repeat()
	}
	if e.changed() {
		t.Error("the text of the file counts as another one")
	}
}

// The cursor moves along lines of a million characters.
func TestLongLines(t *testing.T) {
	e := &editor{}
	long := strings.Repeat("0123456789", 100_000)
	e.setText(long + "\n" + long + "\n")
	for range 20 {
		e.handle(screen.End)
		e.handle(screen.Down)
		e.handle(screen.Up)
	}
	if e.row != 0 || e.column != len(long) {
		t.Errorf("the cursor is at %d, %d", e.row, e.column)
	}
}

// What can be undone is bounded: each change of a long line keeps the line.
func TestUndoIsBounded(t *testing.T) {
	const long, changes, most = 1 << 20, 200, 100 << 20
	e := &editor{lines: [][]rune{make([]rune, long)}}
	for range changes {
		e.remove()
	}
	size := 0
	for _, c := range e.undo {
		size += c.size()
	}
	if size > most || len(e.undo) < 2 {
		t.Errorf("%d changes take %d bytes", len(e.undo), size)
	}
	e.restore()
	if got := len(e.lines[0]); got != long-changes+1 {
		t.Errorf("%d characters after undoing one change", got)
	}
}
