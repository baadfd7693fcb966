package walk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// deep makes directories below each other, with a file in the last one, removed at the end: the
// path is too long for package os.
func deep(t *testing.T, depth int) {
	t.Helper()
	t.Chdir(t.TempDir())
	d, err := Argument(".").OpenDir(false)
	if err != nil {
		t.Fatal(err)
	}
	top := d
	for range depth {
		if err := d.Entry("d").Mkdir(0o700); err != nil {
			t.Fatal(err)
		}
		below, err := d.Entry("d").OpenDir(false)
		if err != nil {
			t.Fatal(err)
		}
		if d != top {
			d.shut()
		}
		d = below
		d.entry.Dir = nil // it is the only one that is open
	}
	if err := d.Entry("f").Mknod(unix.S_IFREG|0o600, 0); err != nil {
		t.Fatal(err)
	}
	d.shut()
	top.shut()
	t.Cleanup(func() { remove(t, "d") })
}

// remove removes a tree.
func remove(t *testing.T, path string) {
	t.Helper()
	w := Walk{
		Enter: func(f *File) error {
			if f.IsDir() {
				return nil
			}
			return f.Remove(false)
		},
		Leave: func(f *File) {
			if err := f.Remove(true); err != nil {
				t.Error(err)
			}
		},
		Fail: func(err error) { t.Error(err) },
	}
	w.Through(Argument(path))
}

// descriptors returns how many files are open.
func descriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// A tree that is deeper than descriptors and paths allow is walked through to its end, and back.
func TestDeepTree(t *testing.T) {
	const depth = 10_000
	deep(t, depth)
	before, most, left := descriptors(t), 0, 0
	deepest := ""
	w := Walk{
		Enter: func(f *File) error {
			if f.Depth%100 == 0 {
				most = max(most, descriptors(t))
			}
			if !f.IsDir() {
				deepest = f.Path()
			}
			return nil
		},
		Leave: func(f *File) {
			left++
			if _, err := f.Entry.Stat(false); err != nil { // its directory is open again
				t.Error(err)
			}
		},
		Fail: func(err error) { t.Error(err) },
	}
	w.Through(Argument("d"))
	if want := strings.Repeat("d/", depth) + "f"; deepest != want || left != depth {
		t.Errorf("the deepest path has %d bytes, want %d; it left %d directories", len(deepest), len(want), left)
	}
	if after := descriptors(t); most > before+24 || after != before {
		t.Errorf("there were %d descriptors, at most %d, and at the end %d", before, most, after)
	}
}

func TestLargeDirectory(t *testing.T) {
	const count = 100_000
	seen := 0
	t.Chdir(t.TempDir())
	mounting(t, func() error {
		if err := unix.Mount("tmpfs", ".", "tmpfs", 0, ""); err != nil { // made and removed at once, unlike on a disk
			return err
		}
		dir, err := os.Getwd()
		if err == nil {
			err = unix.Chdir(dir) // into the mount
		}
		for i := range count {
			err = errors.Join(err, Argument(fmt.Sprintf("%06d", i)).Mknod(unix.S_IFREG|0o600, 0))
		}
		w := Walk{Enter: func(f *File) error {
			if f.IsDir() {
				return nil
			}
			seen++
			if f.Name != fmt.Sprintf("%06d", seen-1) {
				return f.Errorf(fmt.Sprintf("number %d", seen))
			}
			return nil
		}, Fail: func(failed error) { err = errors.Join(err, failed) }}
		w.Through(Argument("."))
		return errors.Join(err, unix.Chdir("/"))
	})
	if seen != count {
		t.Errorf("it has seen %d", seen)
	}
}

// mounting calls do with a mount namespace of its own, which ends with it.
func mounting(t *testing.T, do func() error) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("it mounts, as root")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // the thread ends with the function
		err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS)
		if err == nil {
			err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}
		if err == nil {
			err = do()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// walked walks through d, and returns the paths and the errors.
func walked(w Walk) (paths []string, failed []error) {
	w.Enter = func(f *File) error { paths = append(paths, f.Path()); return nil }
	w.Fail = func(err error) { failed = append(failed, err) }
	w.Through(Argument("d"))
	return paths, failed
}

func files(t *testing.T, names ...string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, name := range names {
		err := os.MkdirAll(filepath.Dir(name), 0o700)
		if target, ok := strings.CutPrefix(filepath.Base(name), "@"); ok {
			err = errors.Join(err, os.Symlink(strings.ReplaceAll(target, "_", "/"), filepath.Join(filepath.Dir(name), "link")))
		} else {
			err = errors.Join(err, os.WriteFile(name, nil, 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A directory that is swapped for a link at the last moment is not entered, and neither is one that is swapped for
// another directory.
func TestSwappedDirectory(t *testing.T) {
	for _, swap := range []func() error{
		func() error { return os.Symlink("../keep", "d/a") },
		func() error { return os.Rename("keep", "d/a") },
	} {
		files(t, "d/a/f", "keep/f")
		BeforeOpen = func(e Entry) {
			if e.Name != "a" {
				return
			}
			if err := errors.Join(os.Rename("d/a", "moved"), swap()); err != nil {
				t.Error(err)
			}
		}
		paths, failed := walked(Walk{})
		BeforeOpen = nil
		if !slices.Equal(paths, []string{"d", "d/a"}) || len(failed) != 1 {
			t.Errorf("it was at %q, %v", paths, failed)
		}
	}
}

// A directory that is moved while the walk is far below ends the walk, instead of leading it on elsewhere.
func TestMovedDirectory(t *testing.T) {
	deep(t, 2*opened)
	if err := os.Mkdir("elsewhere", 0o700); err != nil {
		t.Fatal(err)
	}
	before := descriptors(t)
	var failed []error
	left := 0
	w := Walk{
		Enter: func(f *File) error {
			if f.IsDir() {
				return nil
			}
			const at = opened / 2 // far above, so that it is closed by now
			return os.Rename(strings.Repeat("d/", at)+"d", "elsewhere/d")
		},
		Leave: func(*File) { left++ },
		Fail:  func(err error) { failed = append(failed, err) },
	}
	w.Through(Argument("d"))
	if len(failed) != 1 || !errors.Is(failed[0], ErrMoved) || left != 2*opened-opened/2-1 || descriptors(t) != before {
		t.Errorf("%v, it left %d directories", failed, left)
	}
	remove(t, "elsewhere")
}

func TestLinks(t *testing.T) {
	for _, row := range []struct {
		w      Walk
		paths  string
		failed error
	}{
		{Walk{}, "d", nil},
		{Walk{Arguments: true}, "d d/f d/link", nil},
		{Walk{Links: true}, "d d/f d/link d/link/f", ErrLoop},
	} {
		files(t, "t/f", "t/@.._u", "u/f", "u/@.._t")
		if err := os.Symlink("t", "d"); err != nil {
			t.Fatal(err)
		}
		paths, failed := walked(row.w)
		if strings.Join(paths, " ") != row.paths || !errors.Is(errors.Join(failed...), row.failed) {
			t.Errorf("it was at %q, %v", paths, failed)
		}
	}
}

// A directory that is mounted below itself is not entered again.
func TestMountLoop(t *testing.T) {
	files(t, "d/a/b/f")
	var paths []string
	var failed []error
	mounting(t, func() error {
		if err := unix.Mount("d", "d/a/b", "", unix.MS_BIND, ""); err != nil {
			return err
		}
		paths, failed = walked(Walk{})
		return nil
	})
	if !slices.Equal(paths, []string{"d", "d/a"}) || len(failed) != 1 || !errors.Is(failed[0], ErrLoop) {
		t.Errorf("it was at %q, %v", paths, failed)
	}
}

func TestEnds(t *testing.T) {
	files(t, "d/a/f", "d/b/f")
	before := descriptors(t)
	var paths []string
	w := Walk{Enter: func(f *File) error {
		paths = append(paths, f.Path())
		switch f.Path() {
		case "d/a":
			return fs.SkipDir
		case "d/b/f":
			return fs.SkipAll
		}
		return nil
	}, Fail: func(err error) { t.Error(err) }}
	w.Through(Argument("d"))
	if !slices.Equal(paths, []string{"d", "d/a", "d/b", "d/b/f"}) || descriptors(t) != before {
		t.Errorf("it was at %q", paths)
	}
}

func TestPaths(t *testing.T) {
	for _, row := range []struct{ argument, path, below string }{
		{"d", "d/a/b", "a/b"}, {"d/", "d/a/b", "a/b"}, {"/", "/a/b", "a/b"}, {".", "./a/b", "a/b"},
	} {
		top := &Dir{entry: Argument(row.argument), fd: -1}
		e := (&Dir{entry: top.Entry("a"), fd: -1}).Entry("b")
		if e.Path() != row.path || e.Below() != row.below || e.Dir.Entry(".").Below() != "a" {
			t.Errorf("%s: %s, %s", row.argument, e.Path(), e.Below())
		}
	}
}
