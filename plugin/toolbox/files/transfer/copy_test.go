package transfer

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

func TestCpKeepsTheModeOfADirectory(t *testing.T) {
	tooltest.Tree(t, "src/", "src/new/", "src/f", "to/")
	for name, mode := range map[string]os.FileMode{"src": 0o700, "src/new": 0o700, "to": 0o777} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	if _, status := tooltest.Call(t, "", Cp, "-r", "src/.", "to"); status != 0 {
		t.Fatalf("status %d", status)
	}
	for name, want := range map[string]os.FileMode{"to": 0o777, "to/new": 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %o", name, info, err, want)
		}
	}
}

func TestCpReplacesLinksInDirectories(t *testing.T) {
	tooltest.Tree(t, "d/", "d/f", "d/sub/", "d/sub/f", "to/", "to/d/", "keep/", "keep/f", "g")
	for name, target := range map[string]string{"to/d/f": "../../keep/f", "to/d/sub": "../../keep", "link": "keep/f"} {
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	if _, status := tooltest.Call(t, "", Cp, "-rp", "d", "to"); status != 1 { // sub is no directory there
		t.Errorf("status %d", status)
	}
	for path, want := range map[string]string{"keep/f": "keep/f", "to/d/f": "d/f"} {
		if text, err := os.ReadFile(path); string(text) != want || err != nil {
			t.Errorf("%s has %q, %v", path, text, err)
		}
	}
	if _, status := tooltest.Call(t, "", Cp, "-p", "g", "link"); status != 0 { // an argument is followed
		t.Errorf("status %d", status)
	}
	if text, err := os.ReadFile("keep/f"); string(text) != "g" || err != nil {
		t.Errorf("it has %q, %v", text, err)
	}
}

// A target of cp's that another user swaps for a link meanwhile does not lead elsewhere.
func TestCpChangesNoSwappedFile(t *testing.T) {
	path, check := tooltest.Victim(t)
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
