package files

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

// swap makes a link of a directory, to another one.
func swap(t *testing.T, dir string) {
	t.Helper()
	if err := errors.Join(os.Rename(dir, "moved"), os.Symlink("keep", dir)); err != nil {
		t.Error(err)
	}
}

// asked runs a tool, swaps a directory when it asks its first question, and answers y to all.
func asked(t *testing.T, dir string, main func([]string) int, args ...string) int {
	t.Helper()
	stdin, answers, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	questions, stderr, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	oldIn, oldErr := os.Stdin, os.Stderr
	os.Stdin, os.Stderr = stdin, stderr
	go func() {
		if text, err := bufio.NewReader(questions).ReadString('?'); err != nil {
			t.Errorf("it asks %q, %v", text, err)
		}
		swap(t, dir)
		_, _ = io.WriteString(answers, "y\ny\ny\n")
		answers.Close()
	}()
	status := main(args)
	os.Stdin, os.Stderr = oldIn, oldErr
	stderr.Close()
	return status
}

// A directory that is swapped for a link while rm asks does not lead it elsewhere.
func TestRmFollowsNoDirectoryThatIsSwapped(t *testing.T) {
	for _, args := range []string{"-ri d", "-riv d"} {
		tree(t, "d/", "d/f", "keep/", "keep/f")
		status := asked(t, "d", Rm, strings.Fields(args)...)
		if left() != "d keep keep/f moved" || status != 1 { // d is no directory now
			t.Errorf("rm %s: left is %q, status %d", args, left(), status)
		}
	}
}

// Neither does it lead cp -r to other files, nor to another target.
func TestCpFollowsNoDirectoryThatIsSwapped(t *testing.T) {
	for _, dir := range []string{"d", "to/d"} {
		tree(t, "d/", "d/f", "d/g", "keep/", "keep/f", "keep/g", "to/", "to/d/", "to/d/f")
		if status := asked(t, dir, Cp, "-rip", "d", "to"); status != 0 {
			t.Errorf("%s: status %d", dir, status)
		}
		copied := map[string]string{"d": "to/d/", "to/d": "moved/"}[dir]
		for path, want := range map[string]string{copied + "f": "d/f", copied + "g": "d/g", "keep/f": "keep/f", "keep/g": "keep/g"} {
			if text, err := os.ReadFile(path); string(text) != want || err != nil {
				t.Errorf("%s: %s has %q, %v", dir, path, text, err)
			}
		}
	}
}

func TestCpReplacesLinksInDirectories(t *testing.T) {
	tree(t, "d/", "d/f", "d/sub/", "d/sub/f", "to/", "to/d/", "keep/", "keep/f", "g")
	for name, target := range map[string]string{"to/d/f": "../../keep/f", "to/d/sub": "../../keep", "link": "keep/f"} {
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	if _, status := tooltest.Call(t, "", Cp, "-rp", "d", "to"); status != 1 { // sub is no directory there
		t.Errorf("status %d", status)
	}
	for path, want := range map[string]string{"keep/f": "keep/f", "to/d/f": "d/f"} {
		if text, err := os.ReadFile(path); string(text) != want || err != nil {
			t.Errorf("%s has %q, %v", path, text, err)
		}
	}
	if _, status := tooltest.Call(t, "", Cp, "-p", "g", "link"); status != 0 { // an argument is followed
		t.Errorf("status %d", status)
	}
	if text, err := os.ReadFile("keep/f"); string(text) != "g" || err != nil {
		t.Errorf("it has %q, %v", text, err)
	}
}

func TestRmFollowsNoLinkWithASlash(t *testing.T) {
	for _, args := range []string{"-r link/", "-rf link/", "-rv link//", "-r --one-file-system link/", "link/", "-d link/"} {
		tree(t, "d/", "d/f")
		if err := os.Symlink("d", "link"); err != nil {
			t.Fatal(err)
		}
		if _, status := tooltest.Call(t, "", Rm, strings.Fields(args)...); left() != "d d/f link" || status != 1 {
			t.Errorf("rm %s: left is %q, status %d", args, left(), status)
		}
	}
	tree(t, "d/", "d/f")
	if _, status := tooltest.Call(t, "", Rm, "-rv", "d/"); left() != "" || status != 0 {
		t.Errorf("left is %q, status %d", left(), status)
	}
}

func TestFindActsWhereItHasLooked(t *testing.T) {
	script := "mv d moved; ln -s keep d"
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{"d", "-name", "f", "-exec", "sh", "-c", script, ";", "-delete"}, "d keep keep/f moved"},
		{[]string{"d", "-name", "f", "-exec", "sh", "-c", script, ";", "-execdir", "mv", "{}", "g", ";"}, "d keep keep/f moved moved/g"},
		{[]string{"d", "-name", "d", "-exec", "sh", "-c", script, ";", "-o", "-name", "f", "-execdir", "rm", "{}", ";"}, "d keep keep/f moved moved/f"},
	} {
		tree(t, "d/", "d/f", "keep/", "keep/f")
		if _, _ = tooltest.Call(t, "", Find, row.args...); left() != row.want {
			t.Errorf("find %q: left is %q, want %q", row.args, left(), row.want)
		}
	}
}

// What chown -R and chmod -R do is done to the files that they have found.
func TestRecursionFollowsNoDirectoryThatIsSwapped(t *testing.T) {
	tree(t, "d/", "d/f", "keep/", "keep/f")
	status := all("chmod", []string{"d"}, true, func(e entry) error {
		if e.name != "f" {
			return nil
		}
		swap(t, "d")
		return errors.Join(e.chmod(0o640, false), e.chown(os.Getuid(), os.Getgid(), false))
	})
	kept, err := os.Stat("keep/f")
	changed, err2 := os.Stat("moved/f")
	if err := errors.Join(err, err2); err != nil || status != 0 || kept.Mode().Perm() != 0o600 || changed.Mode().Perm() != 0o640 {
		t.Errorf("status %d, %v, %v, %v", status, kept, changed, err)
	}
	if err := argument("d").chmod(0o700, false); err == nil {
		t.Error("the mode of a link's target is changed")
	}
}

func TestMvAcrossReplacesItsTarget(t *testing.T) {
	tree(t, "a", "keep", "d/", "d/f", "full/", "full/f", "empty/")
	if err := os.Symlink("keep", "link"); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		from, to string
		ok       bool
	}{{"a", "link", true}, {"link", "full", false}, {"d", "full", false}, {"d", "empty/", true}, {"nosuch", "keep", false}} {
		if err := across(row.from, row.to); (err == nil) != row.ok {
			t.Errorf("%s to %s: %v", row.from, row.to, err)
		}
	}
	text, err := os.ReadFile("keep")
	if string(text) != "keep" || err != nil || left() != "empty empty/f full full/f keep link" {
		t.Errorf("keep has %q, %v, left is %q", text, err, left())
	}
	if text, err := os.ReadFile("link"); string(text) != "a" || err != nil {
		t.Errorf("link has %q, %v", text, err)
	}
}

func TestGzipReplacesALink(t *testing.T) {
	tree(t, "f", "keep")
	if err := os.Symlink("keep", "f.gz"); err != nil {
		t.Fatal(err)
	}
	if _, status := tooltest.Call(t, "", Gzip, "-f", "f"); status != 0 {
		t.Errorf("status %d", status)
	}
	if text, err := os.ReadFile("keep"); string(text) != "keep" || err != nil || left() != "f.gz keep" {
		t.Errorf("it has %q, %v, left is %q", text, err, left())
	}
}
