//go:build unix

// On Windows, the directory is elsewhere, and has no mode.

package state

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// A file is written once, replaces other versions, and is written again if it is damaged.
func TestCache(t *testing.T) {
	config := filepath.Join(t.TempDir(), "config")
	d := Dir{Config: config}
	writes := 0
	open := func(version, text string) string {
		t.Helper()
		f, err := d.Cache("tools", version, int64(len(text)), func(w io.Writer) error {
			writes++
			_, err := io.WriteString(w, text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		got, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		return string(got)
	}
	for range 2 {
		if got := open("1", "one"); got != "one" || writes != 1 {
			t.Errorf("%q, written %d times", got, writes)
		}
	}
	if got := open("2", "second"); got != "second" || writes != 2 {
		t.Errorf("%q, written %d times", got, writes)
	}
	files, err := os.ReadDir(filepath.Join(config, name))
	if err != nil || len(files) != 1 || files[0].Name() != "tools.2" {
		t.Errorf("%v, %v", files, err)
	}
	damaged := filepath.Join(config, name, "tools.2")
	for _, damage := range []func() error{
		func() error { return os.Truncate(damaged, 2) },
		func() error { return errors.Join(os.Remove(damaged), os.Symlink("/etc/passwd", damaged)) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if got := open("2", "second"); got != "second" {
			t.Errorf("a damaged file gives %q", got)
		}
	}
	if writes != 4 {
		t.Errorf("written %d times", writes)
	}
}

// What cannot be written leaves nothing.
func TestCacheThatFails(t *testing.T) {
	config := filepath.Join(t.TempDir(), "config")
	failed := errors.New("it failed")
	if _, err := (Dir{Config: config}).Cache("tools", "1", 3, func(io.Writer) error { return failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	if files, err := os.ReadDir(filepath.Join(config, name)); err != nil || len(files) > 0 {
		t.Errorf("%v, %v", files, err)
	}
	if err := os.Chmod(config, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := (Dir{Config: config}).Cache("tools", "1", 0, func(io.Writer) error { return nil }); err == nil {
		t.Error("a directory that others may write to is used")
	}
}
