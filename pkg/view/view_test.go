//go:build linux

package view_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/leaktest"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/view"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

func data() *plan.View {
	return &plan.View{
		Flags: []string{"ro", "nosuid", "nodev"}, Program: "/.nsjoin/toolbox", Bin: "/.nsjoin/bin", Tools: []string{"ls", "-"},
		Mounts: []plan.ViewMount{{From: "/etc", At: "/etc", Dir: true}, {From: "/init", At: "/init"}, {From: "/a,b:c\\", At: "/a,b:c\\", Dir: true}},
		Links:  []plan.ViewLink{{At: "/bin", To: "usr/bin"}, {At: "/nowhere", To: "/proc/self/fd/3"}},
	}
}

// program opens a file that stands for the toolbox.
func program(t *testing.T) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(name, []byte("the program"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func mounts(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTree(t *testing.T) {
	before := mounts(t)
	file := program(t)
	if _, err := file.Seek(0, io.SeekEnd); err != nil { // as after writing it
		t.Fatal(err)
	}
	tree, err := view.Build(data(), view.Contents{Toolbox: file})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if now := mounts(t); now != before {
		t.Errorf("the mounts were\n%s\nand are\n%s", before, now)
	}
	root := fmt.Sprintf("/proc/self/fd/%d/", tree.Fd())
	for name, want := range map[string]os.FileMode{
		".": os.ModeDir | 0o755, ".nsjoin": os.ModeDir | 0o755, ".nsjoin/bin": os.ModeDir | 0o755, ".nsjoin/toolbox": 0o555,
		"etc": os.ModeDir | 0o755, "init": 0, "a,b:c\\": os.ModeDir | 0o755,
	} {
		if st, err := os.Lstat(root + name); err != nil || st.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", name, st, err, want)
		}
	}
	for name, want := range map[string]string{"bin": "usr/bin", "nowhere": "/proc/self/fd/3", ".nsjoin/bin/ls": "../toolbox", ".nsjoin/bin/-": "../toolbox"} {
		if got, err := os.Readlink(root + name); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
	if text, err := os.ReadFile(root + ".nsjoin/bin/ls"); err != nil || string(text) != "the program" {
		t.Errorf("%q, %v", text, err)
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(tree.Fd()), &fs); err != nil || fs.Flags&(unix.ST_RDONLY|unix.ST_NOSUID|unix.ST_NODEV) != unix.ST_RDONLY|unix.ST_NOSUID|unix.ST_NODEV {
		t.Errorf("flags %#x, %v", fs.Flags, err)
	}
	if err := os.Mkdir(root+"new", 0o755); !errors.Is(err, unix.EROFS) {
		t.Errorf("a new directory: %v", err)
	}
}

// A program may come through a pipe, and be larger than what is copied at a time.
func TestProgramFromAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	want := strings.Repeat("0123456789abcdef", 300_000)
	go func() { _, _ = io.WriteString(w, want); w.Close() }()
	tree, err := view.Build(data(), view.Contents{Toolbox: r})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if text, err := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d/.nsjoin/toolbox", tree.Fd())); err != nil || string(text) != want {
		t.Errorf("%d bytes, %v, want %d", len(text), err, len(want))
	}
}

// Nothing is left after an error.
func TestTreeFails(t *testing.T) {
	before := mounts(t)
	for want, change := range map[string]func(*plan.View){
		`unknown flag "rw"`:                  func(v *plan.View) { v.Flags = []string{"rw"} },
		`the tool "ls": file exists`:         func(v *plan.View) { v.Tools = []string{"ls", "ls"} },
		`"/etc": file exists`:                func(v *plan.View) { v.Links = []plan.ViewLink{{At: "/etc", To: "x"}} },
		`a mount point for "/x/y/z": no suc`: func(v *plan.View) { v.Mounts[0].At = "/x/y/z" },
	} {
		v := data()
		change(v)
		tree, err := view.Build(v, view.Contents{Toolbox: program(t)})
		if err == nil || !strings.Contains(err.Error(), want) || tree != nil {
			t.Errorf("%v, %v, want %s", tree, err, want)
		}
	}
	if now := mounts(t); now != before {
		t.Errorf("the mounts were\n%s\nand are\n%s", before, now)
	}
}

func TestProgramsOfTheUser(t *testing.T) {
	v := data()
	v.Files = []request.File{{Name: "gdb", Size: 3}, {Name: "strace", Size: 2}, {Name: "link", Link: "gdb"}}
	content := strings.NewReader("gdbst")
	from := view.Contents{Toolbox: program(t), Open: func(f request.File) (io.ReadCloser, error) {
		return io.NopCloser(io.LimitReader(content, f.Size)), nil
	}}
	tree, err := view.Build(v, from)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	bin := fmt.Sprintf("/proc/self/fd/%d/.nsjoin/bin/", tree.Fd())
	for name, want := range map[string]string{"gdb": "gdb", "strace": "st", "link": "gdb", "ls": "the program"} {
		st, err := os.Stat(bin + name)
		if err != nil || st.Mode() != 0o555 {
			t.Errorf("%s: %v, %v", name, st, err)
		}
		if text, err := os.ReadFile(bin + name); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	// Less content than was said.
	from.Toolbox, content = program(t), strings.NewReader("gdbs")
	if tree, err := view.Build(v, from); err == nil {
		tree.Close()
		t.Error("a program without its end is accepted")
	}
}
