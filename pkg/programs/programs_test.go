package programs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/program/programtest"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

const machine = 62 // EM_X86_64, elf.h

func put(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
}

var static = programtest.ELF{Machine: machine}.Bytes()

func TestDirectory(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it has other links and modes")
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	put(t, at("static"), static)
	put(t, at("script"), []byte("#!/bin/sh\n"))
	put(t, at("text"), []byte("echo\n"))
	put(t, at("empty"), nil)
	put(t, at("dynamic"), programtest.ELF{Machine: machine, Loader: "/lib64/ld.so"}.Bytes())
	put(t, at("arm"), programtest.ELF{Machine: 183}.Bytes())
	put(t, at("plain"), static)
	if err := errors.Join(os.Chmod(at("plain"), 0o644), os.Mkdir(at("below"), 0o755), //nolint:gosec // a test's
		os.Link(at("static"), at("zhard")), os.Symlink("static", at("alink")), os.Symlink("zhard", at("blink")),
		os.Symlink("loop", at("loop")), os.Symlink("/etc/passwd", at("passwd")), os.Symlink("below", at("todir"))); err != nil {
		t.Fatal(err)
	}
	s, err := Find(dir, "ignored", "amd64", true)
	if err != nil {
		t.Fatal(err)
	}
	want := []request.File{
		{Name: "script", Size: 10},
		{Name: "static", Size: int64(len(static))},
		{Name: "alink", Link: "static"},
		{Name: "blink", Link: "static"},
		{Name: "zhard", Link: "static"},
	}
	if !slices.Equal(s.Files, want) {
		t.Errorf("%v, want %v", s.Files, want)
	}
	const left = "dynamic (a dynamic program, which needs its own libraries), arm (for arm64, and the engine's host is amd64), " +
		"loop, passwd, todir (links to something else), plain (may not be executed), empty, text (neither a program for Linux nor a script)"
	if s.Left() != left {
		t.Errorf("%s\nwant %s", s.Left(), left)
	}
	content, err := s.Content()
	if err != nil || string(content) != "#!/bin/sh\n"+string(static) {
		t.Errorf("%q, %v", content, err)
	}
	// Another file at its name is not sent.
	if err := errors.Join(os.Rename(at("script"), at("old")), os.Symlink("old", at("script"))); err != nil {
		t.Fatal(err)
	}
	if content, err := s.Content(); err == nil {
		t.Errorf("a link is followed: %q", content)
	}
}

// linked makes a directory of programs in another one, and links to both. It returns the root directory of all.
func linked(t *testing.T) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("it has other links")
	}
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(root+"/above/dir", 0o755), os.Symlink("above", root+"/link"), os.Symlink("dir", root+"/above/last"),
		os.Symlink("static", root+"/above/dir/alias")); err != nil {
		t.Fatal(err)
	}
	put(t, root+"/above/dir/static", static)
	return root
}

// A path that leads through a symbolic link is refused.
func TestLinksOnThePath(t *testing.T) {
	root := linked(t)
	for path, want := range map[string]error{
		"link/dir": ErrLink, "link/dir/static": ErrLink, "above/last": ErrLink, "above/last/": ErrLink, "above/last/.": ErrLink,
		"above/last/static": ErrLink, "above/dir/alias": ErrLink, "above/dir": nil, "above/dir/": nil, "above/../above/dir/static": nil,
	} {
		path = root + "/" + path
		if s, err := Find(path, "name", "amd64", true); !errors.Is(err, want) {
			t.Errorf("%s: %+v, %v", path, s, err)
		}
		if hasLink(path) != (want != nil) { // asked if the kernel cannot refuse links
			t.Errorf("%s is a link: %t", path, hasLink(path))
		}
	}
}

// Nothing is sent if a directory has become a link after the programs were found.
func TestDirectoryThatBecomesALink(t *testing.T) {
	root := linked(t)
	for _, path := range []string{"above/dir", "above/dir/static"} {
		s, err := Find(root+"/"+path, "name", "amd64", true)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Rename(root+"/above", root+"/moved"), os.Symlink("moved", root+"/above")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Content(); !errors.Is(err, ErrLink) {
			t.Errorf("%s: %v", path, err)
		}
		if err := errors.Join(os.Remove(root+"/above"), os.Rename(root+"/moved", root+"/above")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLimits(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "large")
	put(t, path, static)
	if err := os.Truncate(path, request.MaxFileBytes+1); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dir, path} {
		if _, err := Find(name, "large", "amd64", true); err == nil || !strings.Contains(err.Error(), "67108865 bytes, more than 67108864") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Find(filepath.Join(dir, "none"), "none", "amd64", true); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Find(t.TempDir(), "empty", "amd64", true); err == nil || err.Error() != "it has no program that can be used" {
		t.Error(err)
	}
}

func TestManyEntries(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Wine reads the whole directory for each file that is made in it, which takes minutes")
	}
	many := t.TempDir()
	for i := range maxEntries + 1 {
		if err := os.WriteFile(filepath.Join(many, strconv.Itoa(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Find(many, "many", "amd64", true); err == nil || err.Error() != "it has more than 16384 entries" {
		t.Error(err)
	}
}

// A busybox's names are read from its file, which is not run.
func TestApplets(t *testing.T) {
	table := "[\x00[[\x00ar\x00awk\x00cat\x00dd\x00echo\x00ls\x00sh\x00xz\x00"
	all := []string{"[", "[[", "ar", "awk", "cat", "dd", "echo", "ls", "sh", "xz"}
	for content, want := range map[string][]string{
		"BusyBox v1.2\x00usage\x00cat\x00no\x00\x00" + table + "\x00zz\x00": all,
		"BusyBox v1.2 Usage: cat\x00\x01" + table + "aa\x00":                all,
		"\x00" + table:                      nil,
		"BusyBox v1.2\x00\x00cat\x00":       nil,
		"BusyBox v1.2\x00" + table[:18]:     nil,
		"BusyBox v1.2\x00cat\x00b\x00c\x00": nil,
	} {
		if got := applets([]byte(content)); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", content, got, want)
		}
	}
	path := filepath.Join(t.TempDir(), "any")
	put(t, path, append(slices.Clone(static), "BusyBox v1.2\x00\x00"+table+"\x00"...))
	s, err := Find(path, "busybox", "amd64", true)
	if err != nil || len(s.Files) != len(all)+1 || s.Files[0].Name != "busybox" || s.Files[1] != (request.File{Name: "[", Link: "busybox"}) {
		t.Fatalf("%+v, %v", s, err)
	}
	if content, err := s.Content(); err != nil || !strings.Contains(string(content), table) {
		t.Errorf("%d bytes, %v", len(content), err)
	}
}

func FuzzApplets(f *testing.F) {
	f.Add([]byte("BusyBox v1.2\x00\x00[\x00[[\x00ar\x00awk\x00cat\x00dd\x00echo\x00ls\x00sh\x00xz\x00"))
	f.Add([]byte("BusyBox v1\x00cat\x00cat\x00cat"))
	f.Fuzz(func(t *testing.T, content []byte) {
		names := applets(content)
		if !slices.IsSorted(names) {
			t.Errorf("%q", names)
		}
		for _, name := range names {
			if name == "" || strings.ContainsAny(name, "/\x00") {
				t.Errorf("%q", name)
			}
		}
	})
}

// In an image, absolute links lead from one directory of its PATH to another.
func TestDirectoriesOfAnImage(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it has other links")
	}
	bin, local := t.TempDir(), t.TempDir()
	put(t, filepath.Join(bin, "busybox"), static)
	put(t, filepath.Join(bin, "tool"), static)
	put(t, filepath.Join(bin, "same"), []byte("#!/bin/sh -e\n"))
	put(t, filepath.Join(local, "tool"), []byte("#!/bin/sh\n"))
	if err := errors.Join(os.Symlink("/bin/busybox", filepath.Join(bin, "ls")), os.Symlink("/usr/local/bin/tool", filepath.Join(bin, "other")),
		os.Symlink("/proc/1/root/bin/sh", filepath.Join(bin, "sh")), os.Symlink("/etc/tool", filepath.Join(bin, "etc")),
		os.Symlink("/bin/busybox", filepath.Join(local, "early")), os.Symlink("/bin/same", filepath.Join(local, "same")), os.Symlink("early", filepath.Join(local, "chain"))); err != nil {
		t.Fatal(err)
	}
	var dirs []Dir
	for _, d := range [][2]string{{local, "/usr/local/bin"}, {bin, "/bin"}} {
		f, err := os.Open(d[0])
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		dirs = append(dirs, Dir{File: f, Path: d[0], Name: d[1]})
	}
	s, err := InAll(dirs, "amd64", true)
	if err != nil {
		t.Fatal(err)
	}
	want := []request.File{
		{Name: "tool", Size: 10},
		{Name: "busybox", Size: int64(len(static))},
		{Name: "same", Size: 13},
		{Name: "chain", Link: "busybox"},
		{Name: "early", Link: "busybox"},
		{Name: "ls", Link: "busybox"},
		{Name: "other", Link: "tool"},
	}
	if !slices.Equal(s.Files, want) || s.Left() != "etc, sh (links to something else)" {
		t.Errorf("%v, %s; want %v", s.Files, s.Left(), want)
	}
	if content, err := s.Content(); err != nil || string(content) != "#!/bin/sh\n"+string(static)+"#!/bin/sh -e\n" {
		t.Errorf("%d bytes, %v", len(content), err)
	}
}
