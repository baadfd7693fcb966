package tool

import (
	"bytes"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOverwriteWritesOnlyTheFileThatWasRead(t *testing.T) {
	dir := t.TempDir()
	path, victim := filepath.Join(dir, "file"), filepath.Join(dir, "victim")
	for _, name := range []string{path, victim} {
		if err := os.WriteFile(name, []byte("old text\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	was, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Overwrite(path, was, []byte("new\n")); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(path); string(text) != "new\n" {
		t.Errorf("the file is %q", text)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, path); err != nil {
		t.Fatal(err)
	}
	for name, was := range map[string]os.FileInfo{"the file": was, "none": nil} {
		if err := Overwrite(path, was, []byte("new\n")); err == nil {
			t.Errorf("%s was there before, and a link is written through", name)
		}
	}
	if text, _ := os.ReadFile(victim); string(text) != "old text\n" {
		t.Errorf("what the link leads to is %q", text)
	}
	// An attacker can remove the new file in front of a rename.
	if InTheWay(unix.ENOENT) || !InTheWay(unix.EROFS) {
		t.Error("a missing file counts as one in the way")
	}
}

// A longer text that there is no room for leaves the old one as it was.
func TestOverwriteKeepsTheOldText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	old := strings.Repeat("old\n", 20)
	if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	was, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(unix.SIGXFSZ)
	defer signal.Reset(unix.SIGXFSZ)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 100, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	err = Overwrite(path, was, bytes.Repeat([]byte("new text\n"), 20))
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(path); string(text) != old || err == nil {
		t.Errorf("%v, the file is %q", err, text)
	}
	for _, text := range []string{strings.Repeat("longer\n", 20), "short\n", ""} {
		if was, err = os.Stat(path); err == nil {
			err = Overwrite(path, was, []byte(text))
		}
		if got, _ := os.ReadFile(path); string(got) != text || err != nil {
			t.Errorf("%v, the file is %q, want %q", err, got, text)
		}
	}
}
