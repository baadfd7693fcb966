package files

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// swap makes a link of d, to another directory.
func swap(t *testing.T) {
	t.Helper()
	if err := errors.Join(os.Rename("d", "moved"), os.Symlink("keep", "d")); err != nil {
		t.Error(err)
	}
}

// A directory that is swapped for a link while rm asks does not lead it elsewhere.
func TestRmFollowsNoDirectoryThatIsSwapped(t *testing.T) {
	for _, args := range []string{"-ri d", "-riv d"} {
		tree(t, "d/", "d/f", "keep/", "keep/f")
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		questions, stderr, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		oldIn, oldErr := os.Stdin, os.Stderr
		os.Stdin, os.Stderr = r, stderr
		go func() {
			if text, err := bufio.NewReader(questions).ReadString('?'); err != nil || !strings.Contains(text, "descend") {
				t.Errorf("it asks %q, %v", text, err)
			}
			swap(t)
			_, _ = io.WriteString(w, "y\ny\ny\n")
			w.Close()
		}()
		status := Rm(strings.Fields(args))
		os.Stdin, os.Stderr = oldIn, oldErr
		stderr.Close()
		if left() != "d keep keep/f moved" || status != 1 { // d is no directory now
			t.Errorf("rm %s: left is %q, status %d", args, left(), status)
		}
	}
}

func TestRmFollowsNoLinkWithASlash(t *testing.T) {
	for _, args := range []string{"-r link/", "-rf link/", "-rv link//", "-r --one-file-system link/", "link/", "-d link/"} {
		tree(t, "d/", "d/f")
		if err := os.Symlink("d", "link"); err != nil {
			t.Fatal(err)
		}
		if _, status := call(t, "", Rm, strings.Fields(args)...); left() != "d d/f link" || status != 1 {
			t.Errorf("rm %s: left is %q, status %d", args, left(), status)
		}
	}
	tree(t, "d/", "d/f")
	if _, status := call(t, "", Rm, "-rv", "d/"); left() != "" || status != 0 {
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
		if _, _ = call(t, "", Find, row.args...); left() != row.want {
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
		swap(t)
		return errors.Join(e.chmod(0o640), e.chown(os.Getuid(), os.Getgid(), false))
	})
	kept, err := os.Stat("keep/f")
	changed, err2 := os.Stat("moved/f")
	if err := errors.Join(err, err2); err != nil || status != 0 || kept.Mode().Perm() != 0o600 || changed.Mode().Perm() != 0o640 {
		t.Errorf("status %d, %v, %v, %v", status, kept, changed, err)
	}
	if err := argument("d").chmod(0o700); err == nil {
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
