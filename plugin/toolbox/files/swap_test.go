package files

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
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
	status := all("chmod", []string{"d"}, true, false, func(e *walk.File) error {
		if e.Name != "f" {
			return nil
		}
		swap(t, "d")
		return errors.Join(e.Chmod(0o640, false), e.Chown(os.Getuid(), os.Getgid(), false))
	})
	kept, err := os.Stat("keep/f")
	changed, err2 := os.Stat("moved/f")
	if err := errors.Join(err, err2); err != nil || status != 0 || kept.Mode().Perm() != 0o600 || changed.Mode().Perm() != 0o640 {
		t.Errorf("status %d, %v, %v, %v", status, kept, changed, err)
	}
	if err := walk.Argument("d").Chmod(0o700, false); err == nil {
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

// A directory that is swapped for a link at the moment when a tool goes into it leads none of the tools elsewhere.
func TestToolsFollowNoDirectoryThatIsSwapped(t *testing.T) {
	defer func() { walk.BeforeOpen = nil }()
	for _, row := range []struct {
		main func([]string) int
		args string
	}{
		{Rm, "-r top"},
		{Rm, "-rf top"},
		{Rm, "-rv top"},
		{Chmod, "-R 777 top"},
		{Chown, "-R 7:7 top"},
		{Chgrp, "-R 7 top"},
		{Cp, "-r top copy"},
		{Cp, "-a top copy"},
		{Cp, "-rL top copy"},
		{Tar, "cvf a.tar top"},
		{Du, "-a top"},
		{Ls, "-R top"},
		{Ls, "-laR top"},
		{Find, "top"},
		{Find, "-L top"},
		{Find, "top -delete"},
		{Find, "top -depth -print"},
		{Find, "top -exec chmod 777 {} ;"},
	} {
		tree(t, "top/", "top/a", "top/d/", "top/d/secret", "top/z", "keep/", "keep/secret")
		swapped := false
		walk.BeforeOpen = func(e walk.Entry) {
			if e.Name == "d" && !swapped {
				swapped = true
				if err := errors.Join(os.Rename("top/d", "moved"), os.Symlink("../keep", "top/d")); err != nil {
					t.Error(err)
				}
			}
		}
		var status int
		printed, _ := tooltest.Stdout(t, func() int {
			stderr := os.Stderr
			os.Stderr = os.Stdout
			defer func() { os.Stderr = stderr }()
			status = row.main(strings.Fields(row.args))
			return status
		})
		checkSecret(t, row.args)
		if strings.Contains(printed, "secret") || !swapped || status == 0 {
			t.Errorf("%s prints %q, status %d, swapped: %v", row.args, printed, status, swapped)
		}
	}
}

// checkSecret checks that a file elsewhere was neither changed nor copied.
func checkSecret(t *testing.T, args string) {
	t.Helper()
	info, err := os.Stat("keep/secret")
	if err != nil || info.Mode().Perm() != 0o600 || os.Getuid() == 0 && info.Sys().(*unixStat).Uid != 0 {
		t.Errorf("%s: keep/secret is %v, %v", args, info, err)
	}
	for _, copied := range []string{"copy/d/secret", "copy/secret"} {
		if _, err := os.Lstat(copied); err == nil {
			t.Errorf("%s copies %s", args, copied)
		}
	}
}

// What is beneath a directory is handled where it is, also if the directory has been swapped meanwhile.
func TestToolsStayInADirectoryThatIsSwapped(t *testing.T) {
	defer func() { walk.BeforeOpen = nil }()
	for _, row := range []struct {
		main       func([]string) int
		args, want string
	}{
		{Rm, "-r top", "keep keep/e keep/e/secret moved top top/d"},
		{Chmod, "-R 700 top", "keep keep/e keep/e/secret moved moved/e moved/e/f top top/d top/z"},
		{Find, "top -delete", "keep keep/e keep/e/secret moved top top/d"},
	} {
		tree(t, "top/", "top/d/", "top/d/e/", "top/d/e/f", "top/z", "keep/", "keep/e/", "keep/e/secret")
		walk.BeforeOpen = func(e walk.Entry) {
			if e.Name == "e" {
				if err := errors.Join(os.Rename("top/d", "moved"), os.Symlink("../keep", "top/d")); err != nil {
					t.Error(err)
				}
			}
		}
		_, _ = tooltest.Call(t, "", row.main, strings.Fields(row.args)...)
		info, err := os.Stat("keep/e/secret")
		if left() != row.want || err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: left is %q, %v, %v", row.args, left(), info, err)
		}
	}
}

// A container that swaps a directory with a link all the time gains nothing either.
func TestRemovalAgainstARace(t *testing.T) {
	tree(t, "keep/", "keep/secret", "x/")
	if err := os.Symlink("../keep", "x/link"); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, "top/d", unix.AT_FDCWD, "x/link", unix.RENAME_EXCHANGE)
			}
		}
	}()
	for range 200 {
		_ = os.MkdirAll("top/d/e", 0o700)
		for _, name := range []string{"top/d/f", "top/d/e/f"} {
			if file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|unix.O_NOFOLLOW, 0o600); err == nil {
				file.Close()
			}
		}
		_, _ = tooltest.Call(t, "", func(args []string) int {
			return all("", args, true, true, func(f *walk.File) error { return f.Chmod(0o700, f.Link()) })
		}, "top")
		_, _ = tooltest.Call(t, "", Rm, "-rf", "top")
	}
	close(stop)
	<-ended
	if info, err := os.Stat("keep/secret"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("it is %v, %v", info, err)
	}
}
