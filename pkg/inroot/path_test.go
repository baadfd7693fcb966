//go:build linux

package inroot_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
)

// Each file outside of the root contains "outside".
func TestPathStaysInside(t *testing.T) {
	root := tree(t)
	outside := filepath.Dir(root.Name())
	write(t, filepath.Join(outside, "secret"), "outside")
	write(t, filepath.Join(root.Name(), "secret"), "inside")
	write(t, filepath.Join(root.Name(), outside, "secret"), "inside") // the same path inside
	write(t, filepath.Join(root.Name(), "etc/hostname"), "inside")
	for link, target := range map[string]string{
		"etc/absolute": filepath.Join(outside, "secret"),
		"etc/relative": "../../secret",
		"etc/far":      "../../../../../../../../../../secret",
		"etc/chain":    "relative",
		"etc/dir":      outside,
		"etc/up":       "../..",
	} {
		if err := os.Symlink(target, filepath.Join(root.Name(), link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{
		"secret", "/secret", "etc/hostname",
		"etc/absolute", "/etc/absolute", "etc/relative", "etc/far", "etc/chain", "etc/dir/secret", "etc/up/secret",
		"../secret", "/../secret", "etc/../../secret", "etc/dir/../../../../../../../../secret", "etc/up/../../secret",
		filepath.Join(outside, "secret"),
	} {
		f, err := inroot.OpenRegular(root, path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got := read(t, f); got != "inside" {
			t.Errorf("%s leads %s", path, got)
		}
	}
}

func TestRootIsItsOwnParent(t *testing.T) {
	root := tree(t)
	for _, path := range []string{"/", ".", "..", "/../..", "etc/../.."} {
		got, err := inroot.OpenPath(root, path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if !same(t, got, root) {
			t.Errorf("%s is not the root", path)
		}
		got.Close()
	}
}

func TestOpenPathFails(t *testing.T) {
	root := tree(t)
	write(t, filepath.Join(root.Name(), "file"), "")
	write(t, filepath.Join(filepath.Dir(root.Name()), "only-outside"), "")
	for link, target := range map[string]string{
		"dangling": "nothing",
		"leaving":  filepath.Join(filepath.Dir(root.Name()), "only-outside"),
		"loop":     "loop",
		"ping":     "pong",
		"pong":     "ping",
	} {
		if err := os.Symlink(target, filepath.Join(root.Name(), link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		path string
		want error
	}{
		{"nothing", unix.ENOENT},
		{"/etc/nothing", unix.ENOENT},
		{"", unix.ENOENT},
		{"dangling", unix.ENOENT},
		{"leaving", unix.ENOENT},
		{"../only-outside", unix.ENOENT},
		{"file/nothing", unix.ENOTDIR},
		{"loop", unix.ELOOP},
		{"ping", unix.ELOOP},
	} {
		for name, open := range map[string]func(*os.File, string) (*os.File, error){
			"OpenPath": inroot.OpenPath, "OpenRegular": inroot.OpenRegular,
		} {
			f, err := open(root, row.path)
			if !errors.Is(err, row.want) {
				t.Errorf("%s(%q): %v, want %v", name, row.path, err, row.want)
			}
			if f != nil {
				t.Errorf("%s(%q) gives a file besides its error", name, row.path)
				f.Close()
			}
		}
	}
}

// The magic links in /proc/PID lead anywhere, regardless of the root.
func TestMagicLinksAreRefused(t *testing.T) {
	root, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	ordinary, err := inroot.OpenPath(root, "/proc/self/status") // self is an ordinary link
	if err != nil {
		t.Fatalf("an ordinary file in /proc: %v", err)
	}
	ordinary.Close()
	for _, path := range []string{
		"/proc/self/root", "/proc/self/root/etc", "/proc/self/cwd", "/proc/self/exe", "/proc/self/fd/0", "/proc/self/ns/net",
	} {
		f, err := inroot.OpenPath(root, path)
		if !errors.Is(err, unix.ELOOP) {
			t.Errorf("%s: %v, want %v", path, err, unix.ELOOP)
		}
		if f != nil {
			f.Close()
		}
	}
}

// tree makes a root directory that contains etc, inside another temporary directory.
func tree(t *testing.T) *os.File {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "root")
	if err := os.MkdirAll(filepath.Join(dir, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// read reads f whole and closes it.
func read(t *testing.T, f *os.File) string {
	t.Helper()
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func same(t *testing.T, a, b *os.File) bool {
	t.Helper()
	x, err := a.Stat()
	if err != nil {
		t.Fatal(err)
	}
	y, err := b.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return os.SameFile(x, y)
}
