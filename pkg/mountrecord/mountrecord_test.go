//go:build linux

package mountrecord_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/mountrecord"
	"github.com/nsjoin/docker-nsjoin/pkg/mounts"
)

// host makes the root directory of a host.
func host(t *testing.T) *os.File {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

func TestRecords(t *testing.T) {
	root := host(t)
	d, err := mountrecord.Open(root, "web")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []mounts.Record{{ID: 3, Time: 2, Target: "/c"}, {ID: 2, Time: 1, Target: "/b"}, {ID: 3, Time: 3, Target: "/d"}} {
		if err := d.Write(&r); err != nil {
			t.Fatal(err)
		}
	}
	list, err := d.List()
	if err != nil || len(list) != 2 || list[0].ID != 2 || list[1].Target != "/d" {
		t.Errorf("%+v, %v", list, err)
	}
	dir := filepath.Join(root.Name(), mountrecord.Path)
	for _, path := range []string{dir, filepath.Join(dir, "web")} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", path, st, err)
		}
	}
	d.Close(root, "web")
	if _, err := os.Stat(filepath.Join(dir, "web")); err != nil {
		t.Error(err)
	}

	// Another container's call removes them when web has ended, and not before.
	other, err := mountrecord.Open(root, "db")
	if err != nil {
		t.Fatal(err)
	}
	other.RemoveEnded(root, func(r *mounts.Record) bool { return r.ID != 0 })
	if left := mountrecord.Peek(root, "web"); len(left) != 2 {
		t.Errorf("%+v", left)
	}
	other.RemoveEnded(root, func(*mounts.Record) bool { return false })
	other.Close(root, "db")
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// A rootless engine's host has links to what is in this machine's /run: its records have a name of their own.
func TestNameIn(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "docker-nsjoin-host",
		"         0          0 4294967295\n": "docker-nsjoin-host",
		"         0       1000          1\n         1     100000      65536\n": "docker-nsjoin-host-1000",
		"      1000       1000          1\n":                                   "docker-nsjoin-host",
	} {
		if got := mountrecord.NameIn(text); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}

// Nobody but root may make or change a record, and no link leads elsewhere.
func TestHostileRecords(t *testing.T) {
	for name, attack := range map[string]func(run string) error{
		"a directory that others may enter": func(run string) error {
			return os.Mkdir(filepath.Join(run, "docker-nsjoin-host"), 0o755)
		},
		"a link": func(run string) error { return os.Symlink(os.TempDir(), filepath.Join(run, "docker-nsjoin-host")) },
		"a container's directory that is a link": func(run string) error {
			dir := filepath.Join(run, "docker-nsjoin-host")
			if err := os.Mkdir(dir, 0o700); err != nil {
				return err
			}
			return os.Symlink(run, filepath.Join(dir, "web"))
		},
		"a file": func(run string) error { return os.WriteFile(filepath.Join(run, "docker-nsjoin-host"), nil, 0o600) },
		"another user's directory": func(run string) error {
			dir := filepath.Join(run, "docker-nsjoin-host")
			if err := os.Mkdir(dir, 0o700); err != nil {
				return err
			}
			return os.Chown(dir, 1000, 1000)
		},
	} {
		root := host(t)
		if err := attack(filepath.Join(root.Name(), "run")); err != nil {
			t.Fatal(err)
		}
		if d, err := mountrecord.Open(root, "web"); err == nil {
			t.Errorf("%s is accepted", name)
			d.Close(root, "web")
		}
	}
	root := host(t)
	for _, id := range []string{"", ".", "..", "a/b", ".x"} {
		if _, err := mountrecord.Open(root, id); err == nil || !strings.Contains(err.Error(), "is not an ID") {
			t.Errorf("%q: %v", id, err)
		}
	}
	// A file that is not a record is an error, and not taken for one.
	d, err := mountrecord.Open(root, "web")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close(root, "web")
	if err := os.WriteFile(filepath.Join(root.Name(), mountrecord.Path, "web", "mount-5.json"), []byte(`{"id":6}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if list, err := d.List(); err == nil {
		t.Errorf("%+v", list)
	}
}

// Calls for one container wait for each other, also if each removes the directory in the end.
func TestOpenWhileOthersRemove(t *testing.T) {
	root := host(t)
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			for range 200 {
				d, err := mountrecord.Open(root, "web")
				if err != nil {
					t.Error(err)
					return
				}
				d.Close(root, "web")
			}
		})
	}
	calls.Wait()
}
