//go:build unix

package state_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// user makes a user with a runtime directory and a configuration directory.
func user(t *testing.T) (d state.Dir, runtimeDir string) {
	t.Helper()
	runtimeDir = filepath.Join(t.TempDir(), "run")
	if err := os.Mkdir(runtimeDir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", runtimeDir)
	return state.Dir{Config: filepath.Join(t.TempDir(), "config")}, runtimeDir
}

// add adds a record.
func add(t *testing.T, d state.Dir, name string) *state.Record {
	t.Helper()
	r, err := d.Add(state.Helper, state.Entry{Name: name, Endpoint: "unix:///engine"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Release)
	return r
}

func TestDirIsTheRuntimeDirectory(t *testing.T) {
	d, runtimeDir := user(t)
	add(t, d, "one")
	for path, want := range map[string]os.FileMode{"docker-nsjoin": os.ModeDir | 0o700, "docker-nsjoin/helper.one": 0o600} {
		if info, err := os.Stat(filepath.Join(runtimeDir, path)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if _, err := os.Stat(d.Config); !os.IsNotExist(err) {
		t.Errorf("the configuration directory: %v", err)
	}
}

// Listing creates nothing. The list may contain entries of root's other calls: those are in /run.
func TestListMakesNothing(t *testing.T) {
	d, runtimeDir := user(t)
	_, err := d.List(state.Helper)
	if entries, _ := os.ReadDir(runtimeDir); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

// If a suitable parent contains a directory of that name that is not the user's alone, it is an error: no other
// parent is used instead.
func TestHostileStateDirectory(t *testing.T) {
	for name, row := range map[string]struct {
		make func(t *testing.T, path string) error
		want string
	}{
		"a link": {func(t *testing.T, path string) error { return os.Symlink(t.TempDir(), path) }, "it is not a directory"},
		"a file": {func(_ *testing.T, path string) error { return os.WriteFile(path, nil, 0o600) }, "it is not a directory"},
		"others may enter": {func(_ *testing.T, path string) error {
			return os.Mkdir(path, 0o755)
		}, "its mode is 0755, not 0700"},
		"another user's": {func(t *testing.T, path string) error {
			if os.Geteuid() != 0 {
				t.Skip("needs root")
			}
			if err := os.Mkdir(path, 0o700); err != nil {
				return err
			}
			return os.Chown(path, 12345, 0)
		}, "it belongs to user 12345"},
	} {
		t.Run(name, func(t *testing.T) {
			d, runtimeDir := user(t)
			path := filepath.Join(runtimeDir, "docker-nsjoin")
			if err := row.make(t, path); err != nil {
				t.Fatal(err)
			}
			want := "state directory " + path + ": " + row.want
			if _, err := d.Add(state.Helper, state.Entry{Name: "one"}); err == nil || err.Error() != want {
				t.Errorf("%v\nwant %s", err, want)
			}
			if _, err := d.List(state.Helper); err == nil || err.Error() != want {
				t.Errorf("a list: %v\nwant %s", err, want)
			}
			if _, err := os.Stat(d.Config); !os.IsNotExist(err) {
				t.Errorf("the configuration directory: %v", err)
			}
		})
	}
}

// A runtime directory that is not the user's own is ignored.
func TestHostileRuntimeDirectory(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, path string){
		"others may enter": func(_ *testing.T, path string) { _ = os.Chmod(path, 0o750) },
		"another user's": func(t *testing.T, path string) {
			if err := os.Chown(path, 12345, 0); err != nil {
				t.Skip("needs root")
			}
		},
		"it doesn't exist": func(_ *testing.T, path string) { _ = os.Remove(path) },
		"it is relative":   func(t *testing.T, path string) { t.Chdir(path); t.Setenv("XDG_RUNTIME_DIR", ".") },
	} {
		t.Run(name, func(t *testing.T) {
			d, runtimeDir := user(t)
			change(t, runtimeDir)
			r, err := d.Add(state.Helper, state.Entry{Name: fmt.Sprint("test-", os.Getpid())}) // root's is in /run
			if err != nil {
				t.Fatal(err)
			}
			defer r.Remove()
			if entries, _ := os.ReadDir(runtimeDir); len(entries) > 0 {
				t.Errorf("%v is there", entries)
			}
		})
	}
}

// Nothing is kept in a configuration directory that others may write to.
func TestSharedConfiguration(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root has /run")
	}
	d, _ := user(t)
	t.Setenv("XDG_RUNTIME_DIR", "")
	if err := os.Mkdir(d.Config, 0o700); err != nil {
		t.Fatal(err)
	}
	r, err := d.Add(state.Helper, state.Entry{Name: "one"})
	if err != nil {
		t.Fatal(err)
	}
	r.Remove()
	if err := os.Chmod(d.Config, 0o1777); err != nil {
		t.Fatal(err)
	}
	_, err = d.Add(state.Helper, state.Entry{Name: "one"})
	if err == nil || !strings.HasSuffix(err.Error(), "not in "+d.Config+": others may write there: its mode is 0777") {
		t.Errorf("%v", err)
	}
}

// Calls of the same user find each other's records, with and without the variable for the runtime directory, unless that is
// another directory than the one of the login.
func TestElsewhere(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has two directories")
	}
	d, _ := user(t)
	logins := t.TempDir()
	login := filepath.Join(logins, strconv.Itoa(os.Geteuid()))
	if err := os.MkdirAll(login, 0o700); err != nil {
		t.Fatal(err)
	}
	if list := d.ElsewhereThan(logins); len(list) > 0 {
		t.Errorf("a directory of its own: %+v", list)
	}
	t.Setenv("XDG_RUNTIME_DIR", login)
	name := fmt.Sprint("elsewhere-", os.Getpid())
	inLogin := add(t, d, name+"-login")
	t.Setenv("XDG_RUNTIME_DIR", "")
	inCron := add(t, d, name+"-cron") // root's is in /run
	defer inCron.Remove()
	defer inLogin.Remove()
	for _, dir := range []string{login + "/", ""} {
		t.Setenv("XDG_RUNTIME_DIR", dir)
		found := make(map[string]bool)
		for _, one := range d.ElsewhereThan(logins) {
			entries, err := one.List(state.Helper)
			if err != nil {
				t.Error(err)
			}
			for _, e := range entries {
				found[e.Name] = true
			}
		}
		if !found[inLogin.Name] || !found[inCron.Name] {
			t.Errorf("XDG_RUNTIME_DIR=%s: %v", dir, found)
		}
	}
}
