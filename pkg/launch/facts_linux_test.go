package launch_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/launch"
)

// A directory is shared with the engine's host if the shim of the container is a process of this machine that has the
// same directory there, whatever the socket that leads to the engine.
func TestSharesDir(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	id := strings.Repeat("0f", 32)
	bundle, dir := filepath.Join(t.TempDir(), id), t.TempDir()
	if err := os.Mkdir(bundle, 0o700); err != nil {
		t.Fatal(err)
	}
	// first returns the container's first process. Its parent runs the commands before, in mounts of its own.
	first := func(before string) int {
		cmd := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", before+`; sleep 600 & echo $!; cd "$2"; wait`, "sh", dir, bundle)
		cmd.Dir = bundle
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, _ := bufio.NewReader(out).ReadString('\n')
		pid, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if child, err := os.FindProcess(pid); err == nil {
				_ = child.Kill()
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		return pid
	}
	if pid := first("true"); !launch.SharesDir(pid, id, dir) {
		t.Error("the same directory is not shared")
	} else if launch.SharesDir(pid, strings.Repeat("1f", 32), dir) {
		t.Error("the container is another one")
	}
	if launch.SharesDir(first(`mount -t tmpfs none "$1"`), id, dir) {
		t.Error("the engine's host has another directory there")
	}
	if !launch.SharesDir(first(`mount --bind "$1" "$1"`), id, dir) {
		t.Error("the same directory is not shared: the engine's host has a mount of it there")
	}
	if launch.SharesDir(first(`mount --bind "$1" "$1"; mount -t tmpfs none "${1%/*}"; mkdir "$1"`), id, dir) {
		t.Error("the engine's host has another directory there, over the same one")
	}
	if launch.SharesDir(os.Getpid(), id, dir) {
		t.Error("this process is in no container")
	}
}
