package files

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// victim makes a file that nobody but its owner may read, and returns a function that fails if that has changed.
func victim(t *testing.T) (path string, check func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(path, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, func() {
		t.Helper()
		info, err := os.Stat(path)
		text, readErr := os.ReadFile(path)
		if err = errors.Join(err, readErr); err != nil || info.Mode() != 0o600 || string(text) != "secret\n" {
			t.Errorf("the file that a link leads to: %v, %q, %v", info.Mode(), text, err)
		}
	}
}

// A target that another user swaps for a link while gzip writes does not lead elsewhere.
func TestGzipChangesNoSwappedFile(t *testing.T) {
	path, check := victim(t)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("log", []byte("text"), 0o666); err != nil { //nolint:gosec // the mode that gzip keeps
		t.Fatal(err)
	}
	in, err := os.Open("log")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	err = replace(tool.Input{Reader: in, Name: "log", File: in}, "log.gz", false, func(io.Reader, io.Writer) error {
		return errors.Join(os.Remove("log.gz"), os.Symlink(path, "log.gz"))
	})
	if err != nil {
		t.Error(err)
	}
	check()
}

// So does cp's.
func TestCpChangesNoSwappedFile(t *testing.T) {
	path, check := victim(t)
	t.Chdir(t.TempDir())
	if err := errors.Join(unix.Mkfifo("source", 0o666), os.Chmod("source", 0o666)); err != nil { //nolint:gosec // the mode that cp keeps
		t.Fatal(err)
	}
	swapped := make(chan error, 1)
	go func() {
		to, err := os.OpenFile("source", os.O_WRONLY, 0)
		if err != nil {
			swapped <- err
			return
		}
		defer to.Close()
		for range 10000 { // until cp has opened the target
			if err = os.Remove("copy"); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		swapped <- errors.Join(err, os.Symlink(path, "copy"))
	}()
	status := Cp([]string{"-p", "source", "copy"})
	if err := <-swapped; err != nil || status != 0 {
		t.Errorf("status %d, %v", status, err)
	}
	check()
}

// The directory in which mv makes a copy on another file system may be swapped too.
func TestMvChangesNoSwappedFile(t *testing.T) {
	path, check := victim(t)
	other, err := os.MkdirTemp("/dev/shm", "mv-test-*") //nolint:usetesting // another file system
	if err != nil {
		t.Skip(err)
	}
	defer os.RemoveAll(other)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("log", []byte("text"), 0o666); err != nil { //nolint:gosec // the mode that mv keeps
		t.Fatal(err)
	}
	swapped := false
	walk.BeforeOpen = func(e walk.Entry) {
		if strings.Contains(e.Path(), ".mv-") && !swapped {
			swapped = true
			moved := filepath.Join(other, "moved")
			if err := errors.Join(os.Rename(e.Path(), moved), os.Mkdir(e.Path(), 0o777), os.Chmod(e.Path(), 0o777), os.Symlink(path, filepath.Join(e.Path(), "new"))); err != nil { //nolint:gosec // another user's
				t.Error(err)
			}
		}
	}
	defer func() { walk.BeforeOpen = nil }()
	_, status := tooltest.Call(t, "", Mv, "log", filepath.Join(other, "log"))
	if !swapped {
		t.Skip("no other file system")
	}
	if _, err := os.Stat("log"); err != nil || status == 0 {
		t.Errorf("status %d, %v", status, err)
	}
	check()
}
