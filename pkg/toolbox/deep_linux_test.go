package toolbox

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestToolsInDeepTrees runs tools in a tree whose paths are longer than the kernel takes, with few descriptors.
func TestToolsInDeepTrees(t *testing.T) {
	bin := unpack(t)
	dir := t.TempDir()
	const depth = 3000
	at, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range depth {
		if err := unix.Mkdirat(at, "d", 0o700); err != nil {
			t.Fatal(err)
		}
		below, err := unix.Openat(at, "d", unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_ = unix.Close(at)
		at = below
	}
	if err := errors.Join(unix.Symlinkat("text", at, "f"), unix.Close(at)); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ command, want string }{
		{"find d | wc -l", "3001\n"},
		{"find d -depth -name f -printf '%d %l\\n'", "3000 text\n"},
		{"find d -name f -execdir readlink {} ';'", "text\n"},
		{"du -a d | wc -l", "3001\n"},
		{"ls -R d | grep -c :$", "3000\n"},
		{"ls -R d | tail -1", "f\n"},
		{"grep -r x d", ""},
		{"chmod -R 750 d && find d -type d ! -perm 750 | wc -l", "0\n"},
		{"chown -R 0:0 d && chgrp -R 0 d", ""},
		{"cp -r d e && find e | wc -l && rm e/nosuch 2>/dev/null; find e -name f -printf %l", "3001\ntext"},
		{"diff -rq d e 2>&1 | grep -v text | grep -c 'no such file'", "2\n"}, // f leads nowhere
		{"tar cf - d | tar tf - | wc -l", "3001\n"},
		{"rm -r d && find e -delete && ls", ""},
	} {
		cmd := exec.Command("/bin/bash", "-c", `ulimit -n 64; exec "$@"`, "bash", filepath.Join(bin, "sh"), "-c", row.command)
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + bin}
		if got, _, _ := strings.Cut(run(t, cmd), "\nstatus "); got != row.want {
			t.Errorf("%s\nprints %.200q\nwant   %q", row.command, got, row.want)
		}
	}
}
