package toolbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// run runs a script by a shell, and returns what it prints and its status.
func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	limited := exec.CommandContext(ctx, cmd.Path, cmd.Args[1:]...)
	limited.Args[0], limited.Dir, limited.Env, limited.SysProcAttr = cmd.Args[0], cmd.Dir, cmd.Env, cmd.SysProcAttr
	limited.WaitDelay = time.Second
	out, err := limited.CombinedOutput()
	if ctx.Err() != nil {
		t.Errorf("%v: it hangs, after %q", cmd.Args, out)
	}
	status := 0
	if exited, ok := errors.AsType[*exec.ExitError](err); ok {
		status = exited.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s\nstatus %d", out, status)
}

// then is when all files of all fixtures were changed, since ls prints the minute.
var then = time.Now().Add(-time.Hour).Truncate(time.Minute)

// fixture fills a directory with files.
func fixture(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var numbers strings.Builder
	for i := range 20 {
		fmt.Fprintln(&numbers, i+1)
	}
	for name, text := range map[string]string{
		"t": "b 2\na 10\nc 1\na 10\n", "n": numbers.String(), "d/e/n2": numbers.String(), "no newline": "x",
		"p":    "root:x:0:0:root:/root:/bin/bash\nbin:x:1:2::/:/bin/sh\n",
		"json": `{"a": [1, {"b": "c"}]}` + "\n", "binary": "a\x00b\xff\n", "crlf": "one\r\ntwo\r\n",
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil { //nolint:gosec // a fixture
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink("t", filepath.Join(dir, "l")), os.Symlink("/nonexistent", filepath.Join(dir, "broken"))); err != nil {
		t.Fatal(err)
	}
	times := []unix.Timespec{unix.NsecToTimespec(then.UnixNano()), unix.NsecToTimespec(then.UnixNano())}
	if err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, unix.UtimesNanoAt(unix.AT_FDCWD, path, times, unix.AT_SYMLINK_NOFOLLOW))
	}); err != nil {
		t.Fatal(err)
	}
	return dir
}

var errLine = regexp.MustCompile(`(?m)^(bash: line \d+: |sh: )?([a-z0-9]+|\[): .*\n?`)

// plain removes what differs between two runs: the directory, and messages of errors.
func plain(text, dir string) string {
	text = strings.ReplaceAll(text, dir, "DIR")
	return errLine.ReplaceAllString(text, "")
}
