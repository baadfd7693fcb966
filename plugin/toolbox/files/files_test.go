package files

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// tree makes files with their own names as texts, and directories for names that end with a slash.
func tree(t *testing.T, names ...string) {
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

// left returns the names below the working directory.
func left() string {
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

func TestQuestionsAreAsked(t *testing.T) {
	for _, row := range []struct {
		main   func([]string) int
		args   string
		input  string
		want   string // the files that are left
		status int
	}{
		{Rm, "-i a b", "n\ny\n", "a d d/x d/y", 0},
		{Rm, "-ri d", "y\nn\ny\n", "a b d d/x", 0}, // into d, x, y: d is not asked for
		{Rm, "-ri d", "n\n", "a b d d/x d/y", 0},
		{Rm, "-ri d", "y\ny\ny\ny\n", "a b", 0},
		{Rm, "-ri d", "y\ny\ny\nn\n", "a b d", 0},
		{Rm, "-r --one-file-system d", "", "a b", 0},
		{Find, "d -name x -ok rm {} ;", "n\n", "a b d d/x d/y", 0},
		{Find, "d -type f -ok rm {} ;", "n\ny\n", "a b d d/x", 0},
		{Find, "d -type f -okdir rm {} ;", "y\nn\n", "a b d d/y", 0},
		{Find, "d -ok rm {} +", "y\n", "a b d d/x d/y", 1},
		{Mv, "-i a b", "n\n", "a b d d/x d/y", 0},
		{Cp, "-i a b d/x d", "y\n", "a b d d/a d/b d/x d/y", 1},
	} {
		tree(t, "a", "b", "d/", "d/x", "d/y")
		if _, status := tooltest.Call(t, row.input, row.main, strings.Fields(row.args)...); left() != row.want || status != row.status {
			t.Errorf("%s with %q: left is %q, status %d", row.args, row.input, left(), status)
		}
	}
}

// rm --one-file-system leaves what is on another file system, and the directories above it.
func TestRmStaysOnOneFileSystem(t *testing.T) {
	tree(t, "d/", "d/x")
	r := &remover{oneSystem: true}
	s, err := walk.Argument("d").Stat(false)
	if err != nil {
		t.Fatal(err)
	}
	s.Dev++
	if r.tree(walk.Argument("d"), walk.Identity(&s)) || r.status != 1 || left() != "d d/x" {
		t.Errorf("left is %q, status %d", left(), r.status)
	}
}

func TestCpKeepsTheModeOfADirectory(t *testing.T) {
	tree(t, "src/", "src/new/", "src/f", "to/")
	for name, mode := range map[string]os.FileMode{"src": 0o700, "src/new": 0o700, "to": 0o777} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	if _, status := tooltest.Call(t, "", Cp, "-r", "src/.", "to"); status != 0 {
		t.Fatalf("status %d", status)
	}
	for name, want := range map[string]os.FileMode{"to": 0o777, "to/new": 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %o", name, info, err, want)
		}
	}
}

func TestLnNeverRemovesItsTarget(t *testing.T) {
	for _, row := range []struct {
		args   []string
		want   string
		status int
	}{
		{[]string{"-f", "a", "a"}, "a d d/a", 1},
		{[]string{"-sf", "a", "a"}, "a d d/a", 1},
		{[]string{"-sf", "a", "./d/../a"}, "a d d/a", 1},
		{[]string{"-sf", "DIR/d/a", "d"}, "a d d/a", 1},
		{[]string{"-sf", "a", "d"}, "a d d/a", 1}, // a link to itself in d
		{[]string{"-sfT", "a", "d"}, "a d d/a", 1},
		{[]string{"-sf", "../a", "d/a"}, "a d d/a", 0},
		{[]string{"-f", "a", "d/a"}, "a d d/a", 0},
		{[]string{"-f", "nosuch", "d/a"}, "a d d/a", 1},
	} {
		tree(t, "a", "d/", "d/a")
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for i := range row.args {
			row.args[i] = strings.Replace(row.args[i], "DIR", dir, 1)
		}
		_, status := tooltest.Call(t, "", Ln, row.args...)
		text, err := os.ReadFile("a")
		if status != row.status || left() != row.want || string(text) != "a" || err != nil {
			t.Errorf("ln %q: status %d, left is %q, a has %q, %v", row.args, status, left(), text, err)
		}
		if inD, err := os.ReadFile("d/a"); row.status == 1 && (string(inD) != "d/a" || err != nil) {
			t.Errorf("ln %q: d/a has %q, %v", row.args, inD, err)
		}
	}
}

func TestFindPrintf(t *testing.T) {
	tree(t, "d/", "d/e/", "d/e/f")
	text, status := tooltest.Call(t, "", Find, "d", "-name", "f", "-printf", `%p %P %H %f %h %d %s %y %m\n`)
	if text != "d/e/f e/f d f d/e 2 5 f 600\n" || status != 0 {
		t.Errorf("it prints %q, status %d", text, status)
	}
	if text, _ := tooltest.Call(t, "", Find, "d", "-type", "f", "-newermt", "1 hour ago", "!", "-newermt", "tomorrow"); text != "d/e/f\n" {
		t.Errorf("-newermt finds %q", text)
	}
}

func TestLsPutsDirectoriesFirst(t *testing.T) {
	tree(t, "a", "z/", "b")
	if text, _ := tooltest.Call(t, "", Ls, "-1", "--group-directories-first"); text != "z\na\nb\n" {
		t.Errorf("it prints %q", text)
	}
}

func TestFindRefusesWhatItDoesNotKnow(t *testing.T) {
	tree(t, "a")
	for _, args := range []string{"-daystart", "-printf %Z", "-printf \\q", "-printf %", "-newermt nonsense", "-regextype nonsense"} {
		if text, status := tooltest.Call(t, "", Find, append([]string{"."}, strings.Fields(args)...)...); status != 1 || text != "" {
			t.Errorf("find %s prints %q, status %d", args, text, status)
		}
	}
}

func TestTimesAsPeopleTypeThem(t *testing.T) {
	now := time.Date(2026, 3, 31, 12, 30, 15, 0, time.UTC)
	for text, want := range map[string]string{
		"now": "2026-03-31 12:30:15", "yesterday": "2026-03-30 12:30:15", "2 hours ago": "2026-03-31 10:30:15", "-1 day": "2026-03-30 12:30:15",
		"+1 week": "2026-04-07 12:30:15", "10:20": "2026-03-31 10:20:00", "2026-01-02T03:04": "2026-01-02 03:04:00", "@60": "1970-01-01 00:01:00",
	} {
		if got, err := timeOf(text, now); err != nil || got.UTC().Format(time.DateTime) != want {
			t.Errorf("%q is %v, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "2 parsecs ago", "@x", "1 day later"} {
		if got, err := timeOf(text, now); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}
