//go:build linux

package sibling_test

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/sibling"
)

// parent makes a group of cgroup v2 for a test.
func parent(t *testing.T) string {
	t.Helper()
	mounts, err := os.Open("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	defer mounts.Close()
	for lines := bufio.NewScanner(mounts); lines.Scan(); {
		if f := strings.Fields(lines.Text()); len(f) > 2 && f[2] == "cgroup2" {
			dir := filepath.Join(f[1], "nsjoin-test-"+strconv.Itoa(os.Getpid())+"-"+t.Name())
			if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // a group
				t.Skip("no group can be made: ", err)
			}
			t.Cleanup(func() {
				if err := os.Remove(dir); err != nil {
					t.Error(err)
				}
			})
			return dir
		}
	}
	t.Skip("no cgroup v2")
	return ""
}

// frozen makes a frozen group in dir.
func frozen(t *testing.T, dir string) *os.File {
	t.Helper()
	name := filepath.Join(dir, "web")
	if err := errors.Join(os.Mkdir(name, 0o755), os.WriteFile(name+"/cgroup.freeze", []byte("1"), 0), os.WriteFile(name+"/cgroup.max.descendants", []byte("7"), 0)); err != nil { //nolint:gosec // a group
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close(); os.Remove(name) })
	return f
}

func groups(t *testing.T, dir string) (names []string) {
	t.Helper()
	found, err := filepath.Glob(dir + "/web.nsjoin-*")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// noWatchdog is a process that does nothing.
func noWatchdog([]string, *os.File, *os.File, *os.File) (int, error) {
	cmd := exec.Command("sleep", "600")
	err := cmd.Start()
	return cmd.Process.Pid, err
}

func TestGroupIsRemovedWithWhatIsInIt(t *testing.T) {
	dir := parent(t)
	web := frozen(t, dir)
	g, err := sibling.Make(web, "web", noWatchdog)
	if err != nil {
		t.Fatal(err)
	}
	found := groups(t, dir)
	if len(found) != 1 {
		t.Fatalf("%q", found)
	}
	if text, err := os.ReadFile(found[0] + "/cgroup.max.descendants"); err != nil || string(text) != "7\n" {
		t.Errorf("the limit is %q, %v", text, err)
	}
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Procs.WriteString(strconv.Itoa(cmd.Process.Pid)); err != nil {
		t.Fatal(err)
	}
	// Another call removes no group that is used.
	other, err := sibling.Make(web, "web", noWatchdog)
	if err != nil {
		t.Fatal(err)
	}
	if now := groups(t, dir); len(now) != 2 {
		t.Errorf("%q", now)
	}
	other.End(false)
	g.End(false)
	if now := groups(t, dir); len(now) != 0 {
		t.Errorf("%q are left", now)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("what was in it: %v", err)
	}
}

func TestGroupOfAKilledCallIsSwept(t *testing.T) {
	dir := parent(t)
	web := frozen(t, dir)
	left := filepath.Join(dir, "web.nsjoin-0123")
	if err := os.Mkdir(left, 0o755); err != nil { //nolint:gosec // a group
		t.Fatal(err)
	}
	g, err := sibling.Make(web, "web", noWatchdog)
	if err != nil {
		t.Fatal(err)
	}
	defer g.End(false)
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is left: %v", err)
	}
}

// A call sweeps while others make their groups: none of them loses its group by that.
func TestGroupsThatAreMadeAtTheSameTime(t *testing.T) {
	dir := parent(t)
	web := frozen(t, dir)
	if err := os.WriteFile(web.Name()+"/cgroup.max.descendants", []byte("max"), 0); err != nil {
		t.Fatal(err)
	}
	const calls, times = 8, 25
	var group sync.WaitGroup
	for range calls {
		group.Go(func() {
			for range times {
				g, err := sibling.Make(web, "web", noWatchdog)
				if err != nil {
					t.Error(err)
					return
				}
				g.End(false)
			}
		})
	}
	group.Wait()
	if left := groups(t, dir); len(left) > 0 {
		t.Errorf("%q are left", left)
	}
}

// Beside a group in a frozen one the command would be frozen too.
func TestGroupInAFrozenOneIsRefused(t *testing.T) {
	dir := parent(t)
	web := frozen(t, dir)
	below := filepath.Join(web.Name(), "below")
	if err := os.Mkdir(below, 0o755); err != nil { //nolint:gosec // a group
		t.Fatal(err)
	}
	defer os.Remove(below)
	f, err := os.Open(below)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	g, err := sibling.Make(f, "below", noWatchdog)
	if err == nil || err.Error() != "what is beside it is frozen too" {
		t.Errorf("%v, %v", g, err)
	}
	found, _ := filepath.Glob(web.Name() + "/*nsjoin-*")
	if len(found) != 0 {
		t.Errorf("%q are left", found)
	}
}

func TestWatchdogThatCannotBeStarted(t *testing.T) {
	dir := parent(t)
	g, err := sibling.Make(frozen(t, dir), "web", func([]string, *os.File, *os.File, *os.File) (int, error) { return 0, unix.EAGAIN })
	if !errors.Is(err, unix.EAGAIN) || len(groups(t, dir)) != 0 {
		t.Errorf("%v, %v, %q", g, err, groups(t, dir))
	}
	(*sibling.Group)(nil).End(false)
}
