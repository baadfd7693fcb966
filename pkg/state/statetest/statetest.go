// Package statetest has state directories for tests.
package statetest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// Dir returns an empty state directory for the rest of a test, and a function that lists its records of which the names match a
// pattern.
func Dir(t *testing.T) (d *state.Dir, records func(pattern string) []string) {
	t.Helper()
	// Windows removes no record that the test still holds: no test fails for that, as with t.TempDir.
	parent, err := os.MkdirTemp("", "state-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(parent) })
	t.Setenv("XDG_RUNTIME_DIR", parent)
	t.Setenv("LOCALAPPDATA", parent) // of Windows
	return &state.Dir{Config: parent}, func(pattern string) []string {
		files, _ := filepath.Glob(filepath.Join(parent, "docker-nsjoin", pattern))
		return files
	}
}

// Spoil makes a directory of Dir unusable: a file is in its place.
func Spoil(t *testing.T, d *state.Dir) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(d.Config, "docker-nsjoin"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
