package lines

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// All that was appended is printed at once, however much it is.
func TestTailPrintsAllThatIsNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &tailed{path: path}
	if err := f.open(); err != nil {
		t.Fatal(err)
	}
	defer f.file.Close()
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	if last := f.more(w, nil, func(string) {}); last != f || w.Flush() != nil || out.Len() != 3<<20 {
		t.Errorf("%d bytes are printed", out.Len())
	}
}
