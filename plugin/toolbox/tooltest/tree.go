package tooltest

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Tree changes to a new directory, and makes files there with their own names as texts, and directories for names that end with a slash.
func Tree(t *testing.T, names ...string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, name := range names {
		var err error
		if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(name, 0o755) //nolint:gosec // a fixture
		} else {
			err = os.WriteFile(name, []byte(name), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Left returns the names below the working directory.
func Left() string {
	var names []string
	_ = filepath.WalkDir(".", func(path string, _ os.DirEntry, _ error) error {
		if path != "." {
			names = append(names, path)
		}
		return nil
	})
	slices.Sort(names)
	return strings.Join(names, " ")
}

// Victim makes a file that nobody but its owner may read, and returns a function that fails if that has changed.
func Victim(t *testing.T) (path string, check func()) {
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
