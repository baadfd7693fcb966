package transfer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

func TestMvAcrossReplacesItsTarget(t *testing.T) {
	tooltest.Tree(t, "a", "keep", "d/", "d/f", "full/", "full/f", "empty/")
	if err := os.Symlink("keep", "link"); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		from, to string
		ok       bool
	}{{"a", "link", true}, {"link", "full", false}, {"d", "full", false}, {"d", "empty/", true}, {"nosuch", "keep", false}} {
		if err := across(row.from, row.to); (err == nil) != row.ok {
			t.Errorf("%s to %s: %v", row.from, row.to, err)
		}
	}
	text, err := os.ReadFile("keep")
	if string(text) != "keep" || err != nil || tooltest.Left() != "empty empty/f full full/f keep link" {
		t.Errorf("keep has %q, %v, left is %q", text, err, tooltest.Left())
	}
	if text, err := os.ReadFile("link"); string(text) != "a" || err != nil {
		t.Errorf("link has %q, %v", text, err)
	}
}

// The directory in which mv makes a copy on another file system may be swapped too.
func TestMvChangesNoSwappedFile(t *testing.T) {
	path, check := tooltest.Victim(t)
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
