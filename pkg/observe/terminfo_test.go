//go:build linux

package observe

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// A description is searched for where ncurses searches, only inside the root, and is not opened.
func TestKnownTerms(t *testing.T) {
	root := t.TempDir()
	outside := t.TempDir()
	for _, file := range []string{
		root + "/etc/terminfo/e/of-etc", root + "/lib/terminfo/l/of-lib", root + "/usr/share/terminfo/73/of-share-is-not-s",
		root + "/usr/share/terminfo/6f/of-share", root + "/usr/lib/terminfo/o/of-usr-lib", root + "/etc/terminfo/o/of-etc",
		root + "/opt/terminfo/o/of-opt", outside + "/o/of-outside", root + "/lib/terminfo/o/of-lib",
	} {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(root+"/etc/terminfo/o/of-fifo", 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside+"/o/of-outside", root+"/etc/terminfo/o/of-outside"); err != nil {
		t.Fatal(err)
	}
	o := &Observation{host: procDir(t, nil)}
	if err := os.Symlink(root, o.host.dir.Name()+"/root"); err != nil {
		t.Fatal(err)
	}
	names := []string{"of-etc", "of-lib", "of-share", "of-usr-lib", "of-opt", "of-outside", "of-share-is-not-s", "of-fifo", "none"}
	want := []string{"of-etc", "of-lib", "of-share", "of-usr-lib", "of-fifo"}
	if got := o.KnownTerms(0, names); !slices.Equal(got, want) {
		t.Errorf("known: %q, want %q", got, want)
	}
}
