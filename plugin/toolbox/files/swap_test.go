package files_test

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/archive"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/attributes"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/find"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/listing"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/remove"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/space"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/transfer"
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
		tooltest.Tree(t, "d/", "d/f", "keep/", "keep/f")
		status := asked(t, "d", remove.Rm, strings.Fields(args)...)
		if tooltest.Left() != "d keep keep/f moved" || status != 1 { // d is no directory now
			t.Errorf("rm %s: left is %q, status %d", args, tooltest.Left(), status)
		}
	}
}

// Neither does it lead cp -r to other files, nor to another target.
func TestCpFollowsNoDirectoryThatIsSwapped(t *testing.T) {
	for _, dir := range []string{"d", "to/d"} {
		tooltest.Tree(t, "d/", "d/f", "d/g", "keep/", "keep/f", "keep/g", "to/", "to/d/", "to/d/f")
		if status := asked(t, dir, transfer.Cp, "-rip", "d", "to"); status != 0 {
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

// A directory that is swapped for a link at the moment when a tool goes into it leads none of the tools elsewhere.
func TestToolsFollowNoDirectoryThatIsSwapped(t *testing.T) {
	defer func() { walk.BeforeOpen = nil }()
	for _, row := range []struct {
		main func([]string) int
		args string
	}{
		{remove.Rm, "-r top"},
		{remove.Rm, "-rf top"},
		{remove.Rm, "-rv top"},
		{attributes.Chmod, "-R 777 top"},
		{attributes.Chown, "-R 7:7 top"},
		{attributes.Chgrp, "-R 7 top"},
		{transfer.Cp, "-r top copy"},
		{transfer.Cp, "-a top copy"},
		{transfer.Cp, "-rL top copy"},
		{archive.Tar, "cvf a.tar top"},
		{space.Du, "-a top"},
		{listing.Ls, "-R top"},
		{listing.Ls, "-laR top"},
		{find.Find, "top"},
		{find.Find, "-L top"},
		{find.Find, "top -delete"},
		{find.Find, "top -depth -print"},
		{find.Find, "top -exec chmod 777 {} ;"},
	} {
		tooltest.Tree(t, "top/", "top/a", "top/d/", "top/d/secret", "top/z", "keep/", "keep/secret")
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
	if err != nil || info.Mode().Perm() != 0o600 || os.Getuid() == 0 && info.Sys().(*syscall.Stat_t).Uid != 0 {
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
		{remove.Rm, "-r top", "keep keep/e keep/e/secret moved top top/d"},
		{attributes.Chmod, "-R 700 top", "keep keep/e keep/e/secret moved moved/e moved/e/f top top/d top/z"},
		{find.Find, "top -delete", "keep keep/e keep/e/secret moved top top/d"},
	} {
		tooltest.Tree(t, "top/", "top/d/", "top/d/e/", "top/d/e/f", "top/z", "keep/", "keep/e/", "keep/e/secret")
		walk.BeforeOpen = func(e walk.Entry) {
			if e.Name == "e" {
				if err := errors.Join(os.Rename("top/d", "moved"), os.Symlink("../keep", "top/d")); err != nil {
					t.Error(err)
				}
			}
		}
		_, _ = tooltest.Call(t, "", row.main, strings.Fields(row.args)...)
		info, err := os.Stat("keep/e/secret")
		if tooltest.Left() != row.want || err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: left is %q, %v, %v", row.args, tooltest.Left(), info, err)
		}
	}
}
