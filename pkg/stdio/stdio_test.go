package stdio

import (
	"os"
	"path/filepath"
	"testing"
)

// What a stream is decides whether its input is sent, and whether two streams are one.
func TestStreamsAreToldApart(t *testing.T) {
	open := func(path string) *os.File {
		t.Helper()
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	dir := t.TempDir()
	null, file, again, other := open(os.DevNull), open(filepath.Join(dir, "a")), open(filepath.Join(dir, "a")), open(filepath.Join(dir, "b"))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for name, f := range map[string]*os.File{"file": file, "pipe": r, "pipe's other end": w} {
		if IsNull(f) {
			t.Errorf("a %s is the null device", name)
		}
		if SameFile(f, null) {
			t.Errorf("a %s is the same file as the null device", name)
		}
	}
	if !IsNull(null) {
		t.Error("the null device isn't")
	}
	if !SameFile(file, again) || SameFile(file, other) || SameFile(file, r) {
		t.Errorf("the same file: %t, another: %t, a pipe: %t; want the first alone",
			SameFile(file, again), SameFile(file, other), SameFile(file, r))
	}
}
