package execopts

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker/cli/opts"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// A file's lines are its variables, each once and as it stands there, or the error
// names the file.
func FuzzEnvFile(f *testing.F) {
	for _, seed := range []string{"A=1\nB=2\n", "# no\n\n  C=3", "\xef\xbb\xbfD=4\r\n", "=5", "E F=6", "HOME\nNONE", "G=\xff", "H=a=b\x00", "I=" + strings.Repeat("x", 70_000)} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "env")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		o := Options{env: opts.NewListOpts(nil), envFile: opts.NewListOpts(nil)}
		if err := o.envFile.Set(path); err != nil {
			t.Fatal(err)
		}
		var r request.Request
		if err := o.Apply(&r); err != nil {
			if !strings.Contains(err.Error(), path) {
				t.Errorf("%q is refused with %q, which doesn't name the file", text, err)
			}
			return
		}
		for _, assignment := range r.Env {
			name, value, ok := strings.Cut(assignment, "=")
			fromUs := strings.Contains(string(text), name) && value == os.Getenv(name)
			if !ok || name == "" || strings.ContainsAny(name, " \t\n") || !fromUs && !strings.Contains(string(text), assignment) {
				t.Errorf("%q gives %q", text, assignment)
			}
		}
		if lines := strings.Count(string(text), "\n") + 1; len(r.Env) > lines {
			t.Errorf("%q has %d lines and %d variables", text, lines, len(r.Env))
		}
	})
}

// Keys are read whole or refused, and a byte each.
func FuzzDetachKeys(f *testing.F) {
	for _, seed := range []string{"", "ctrl-p,ctrl-q", "a", "ctrl-@,ctrl-[", "ctrl-", "ctrl-1", "ab", ",", "a,,b", "CTRL-A", "é", "ctrl-_,DEL"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		var flag keysFlag
		if err := flag.Set(value); err != nil {
			if len(flag.keys) > 0 {
				t.Errorf("%q is refused, %v, and gives %q", value, err, flag.keys)
			}
			return
		}
		want := 0
		if value != "" {
			want = strings.Count(value, ",") + 1
		}
		if len(flag.keys) != want {
			t.Errorf("%q gives the keys %q, want %d", value, flag.keys, want)
		}
		for i, word := range slices.DeleteFunc(strings.Split(value, ","), func(w string) bool { return w == "" }) {
			if key := flag.keys[i]; len(word) == 1 && key != word[0] || len(word) > 1 && key >= ' ' && key != 127 {
				t.Errorf("%q gives the key %q for %s", value, key, word)
			}
		}
	})
}
