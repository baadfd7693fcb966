//go:build linux

package join

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// mounted starts a shell in a mount namespace of its own that has mounted something, and waits.
func mounted(t *testing.T, mounting string) *os.File {
	t.Helper()
	cmd := exec.Command("sh", "-ec", "mount --make-rprivate /\n"+mounting+"\necho ready\nread line")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("%q, %v", line, err)
	}
	dir, err := procfs.Open(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	return dir
}

// No link of a process can be followed, wherever a procfs is mounted; /proc/self and its like can.
func TestEveryProcfsIsClosed(t *testing.T) {
	base, own := t.TempDir(), strconv.Itoa(os.Getpid())
	dir := mounted(t, `cd `+base+`
mkdir 'a b' one stacked
mount -t proc proc 'a b'
mount --bind /proc/`+own+` one
mount -t proc proc stacked
mount -t proc proc stacked
mount -t proc proc /proc`)
	if err := closeProc(dir); err != nil {
		t.Fatal(err)
	}
	root := dir.Name() + "/root"
	for _, name := range []string{"/proc/" + own + "/root", base + "/a b/" + own + "/root", base + "/one/root", base + "/stacked/" + own + "/root", base + "/a b/self"} {
		if _, err := os.ReadDir(root + name + "/"); !errors.Is(err, unix.ELOOP) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Readlink(root + name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range procLinks() {
		if file, err := os.Open(root + "/proc/" + name); err != nil {
			t.Error(err)
		} else {
			file.Close()
		}
	}
}

// A procfs that cannot be reached by its path, as after a directory above it was renamed, is an error. Before, the kernel's
// age was blamed if there is another directory of that name.
func TestProcfsThatIsNotReached(t *testing.T) {
	for _, hides := range []string{"true", "mkdir a/b"} {
		dir := mounted(t, `cd `+t.TempDir()+`
mkdir -p a/b
mount -t proc proc a/b
mount -t tmpfs tmpfs a
`+hides)
		err := closeProc(dir)
		if err == nil || !strings.Contains(err.Error(), "a/b") {
			t.Errorf("%s: %v", hides, err)
		}
		if e, ok := errors.AsType[*exit.Error](err); ok && strings.Contains(e.Hint, "5.14") || !ok && errors.Is(err, unix.EINVAL) {
			t.Errorf("%s: %v, hint %+v", hides, err, e)
		}
	}
}

// A procfs that shows processes only has no net and no mounts. Before, it was refused.
func TestProcfsOfProcessesOnly(t *testing.T) {
	dir := mounted(t, "mount -t proc -o subset=pid proc /proc")
	if err := closeProc(dir); err != nil {
		t.Fatal(err)
	}
	root := dir.Name() + "/root/proc/"
	if _, err := os.ReadDir(root + strconv.Itoa(os.Getpid()) + "/root/"); !errors.Is(err, unix.ELOOP) {
		t.Error(err)
	}
	if _, err := os.ReadDir(root + "self/"); err != nil && !errors.Is(err, unix.ENOENT) { // it is of another pid namespace
		t.Error(err)
	}
}
