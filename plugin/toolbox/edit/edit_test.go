package edit

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
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
	e.setText("b\n")
	if err := e.save(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(other); err != nil || string(text) != "b\n" {
		t.Errorf("the other name has %q, %v", text, err)
	}
}

// The bytes of a key may arrive one by one. ESC alone is a key, if nothing follows it soon.
func TestKeysArriveInParts(t *testing.T) {
	for _, row := range []struct {
		bytes string
		want  []key
	}{
		{"\x1b[A", []key{keyUp}},
		{"\x1b[5~x", []key{keyPageUp, 'x'}},
		{"\x1bOHy", []key{keyHome, 'y'}},
		{"\x1bx\x1b[B", []key{keyUnknown, keyDown}},
		{"é\x1b", []key{'é', escape}},
	} {
		rest := strings.NewReader(row.bytes)
		e := &editor{in: bufio.NewReader(iotest.OneByteReader(rest)), waits: func() bool { return rest.Len() > 0 }}
		for _, want := range row.want {
			if k, err := e.read(); k != want || err != nil {
				t.Errorf("%q: key %d, %v, want %d", row.bytes, k, err, want)
			}
		}
	}
}

func TestSearchFindsBehindLettersThatGrow(t *testing.T) {
	e := &editor{lines: [][]rune{[]rune("xİİ Word")}, searched: "word"}
	e.search(false)
	if e.column != 4 {
		t.Errorf("the cursor is at %d, want 4", e.column)
	}
}
