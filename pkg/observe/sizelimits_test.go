//go:build linux

package observe

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Files that were larger than the limit used to be cut silently: environments lost variables, and bundles were
// reported as broken.
func TestHostileSizesAreErrors(t *testing.T) {
	large := strings.Repeat("A=1\x00", maxEnviron/4+1)
	p := procDir(t, map[string]string{
		"environ": large, "status": large[:procfs.MaxFile+1], "cgroup": large[:procfs.MaxFile+(8<<10)],
		"cwd/config.json": `{"process":{"cwd":"/"}}` + strings.Repeat(" ", maxBundle),
	})
	p.bundleFile = "cwd/config.json"
	for name, read := range map[string]func() error{
		"environ":     func() error { _, err := p.readMemory("environ", maxEnviron); return err },
		"status":      func() error { _, err := p.read("status"); return err },
		"a line":      func() error { return p.readLines("cgroup", func(string) bool { return true }) },
		"config.json": func() error { _, err := p.readBundle(); return err },
	} {
		if err := read(); !strings.Contains(text(err), "larger than ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	write(t, filepath.Join(p.dir.Name(), "environ"), large[:maxEnviron])
	if got, err := p.readMemory("environ", maxEnviron); err != nil || got != large[:maxEnviron] {
		t.Errorf("an environment of the largest size: %d bytes, %v", len(got), err)
	}
}

// A refused shim, an ended process and a failed observation used to leak descriptors.
func TestFailuresHoldNothingOpen(t *testing.T) {
	ended := zombie(t)
	child := exec.Command("cat")
	child.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	start(t, child)
	gone := running(t, "cat")
	end(t, gone)
	pid := func(n int) request.Source { return request.Source{From: request.FromPID, PID: n} }
	container := pid(child.Process.Pid)
	container.From, container.Container = request.FromContainer, &request.Container{ID: strings.Repeat("2e", 32)}
	for name, fail := range map[string]func() error{
		"a process that has ended": func() error { _, err := OpenProcess(gone.Process.Pid); return err },
		"no container": func() error {
			p := openTestProcess(t, child.Process.Pid)
			_, err := p.shim(container.Container.ID, "")
			p.release()
			return err
		},
		"not a namespace file": func() error { _, _, err := openNamespace("/proc/self/status"); return err },
		"observing a process that is not the container's": func() error {
			_, err := Observe(&request.Request{Base: container, Take: ns.All()})
			return err
		},
		"observing with a process that has ended": func() error {
			_, err := Observe(&request.Request{Base: pid(child.Process.Pid), Take: ns.All(), Overrides: map[ns.Kind]request.Source{ns.Net: pid(ended)}})
			return err
		},
		"observing with an unknown user": func() error {
			_, err := Observe(&request.Request{Base: pid(child.Process.Pid), Take: ns.All(), Exec: request.Exec{User: "no such user"}})
			return err
		},
	} {
		before, err := procfs.Numbers("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		if fail() == nil {
			t.Errorf("%s: no error", name)
		}
		expectNoMoreDescriptors(t, name, len(before))
	}
}

// The memory of an ended process cannot be read, and its descriptor is closed.
func TestMemoryOfAProcessThatIsGone(t *testing.T) {
	cmd := running(t, "cat")
	p := openTestProcess(t, cmd.Process.Pid)
	end(t, cmd)
	if _, err := p.readMemory("cmdline", 10); !errors.Is(err, unix.ESRCH) {
		t.Errorf("%v, want %v", err, unix.ESRCH)
	}
	self := openTestProcess(t, os.Getpid())
	if got, more, err := self.readMemoryWithin("cmdline", 3, memoryTimeout); err != nil || len(got) != 3 || !more {
		t.Errorf("%q, %t, %v; want 3 bytes, and that there are more", got, more, err)
	}
}
