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

// What is larger than its bound was cut without a word: an environment lost variables, and
// a bundle was said to be broken.
func TestHostileSizesAreErrors(t *testing.T) {
	large := strings.Repeat("A=1\x00", maxEnviron/4+1)
	p := procDir(t, map[string]string{
		"environ": large, "status": large[:maxProcFile+1], "cgroup": large[:maxProcFile+(8<<10)],
		"cwd/config.json": `{"process":{"cwd":"/"}}` + strings.Repeat(" ", maxBundle),
	})
	p.bundleFile = "cwd/config.json"
	for name, read := range map[string]func() error{
		"environ":     func() error { _, err := p.readMemory("environ", maxEnviron); return err },
		"status":      func() error { _, err := p.read("status"); return err },
		"a line":      func() error { return p.readLines("cgroup", func(string) bool { return true }) },
		"config.json": func() error { _, err := p.readBundle(); return err },
	} {
		if err := read(); !strings.Contains(text(err), "it is larger than ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	write(t, filepath.Join(p.dir.Name(), "environ"), large[:maxEnviron])
	if got, err := p.readMemory("environ", maxEnviron); err != nil || got != large[:maxEnviron] {
		t.Errorf("an environment of the largest size: %d bytes, %v", len(got), err)
	}
}

// Before, a shim that was refused, a process that had ended and a failed observation kept
// their descriptors.
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
		"a process that has ended": func() error { _, err := Hold(gone.Process.Pid); return err },
		"no container": func() error {
			p := hold(t, child.Process.Pid)
			_, err := p.shim(container.Container.ID)
			p.release()
			return err
		},
		"no namespace's file": func() error { _, _, err := openNamespace("/proc/self/status"); return err },
		"an observation of no container": func() error {
			_, err := Observe(&request.Request{Base: container, Take: ns.All()})
			return err
		},
		"an observation with one that has ended": func() error {
			_, err := Observe(&request.Request{Base: pid(child.Process.Pid), Take: ns.All(), Overrides: map[ns.Kind]request.Source{ns.Net: pid(ended)}})
			return err
		},
		"an observation of what has no user": func() error {
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
		holdsNoMore(t, name, len(before))
	}
}

// A process whose number is another's can't show its memory, and a descriptor isn't kept.
func TestMemoryOfAProcessThatIsGone(t *testing.T) {
	cmd := running(t, "cat")
	p := hold(t, cmd.Process.Pid)
	end(t, cmd)
	if _, err := p.readMemory("cmdline", 10); !errors.Is(err, unix.ESRCH) {
		t.Errorf("%v, want %v", err, unix.ESRCH)
	}
	self := hold(t, os.Getpid())
	if got, more, err := self.readMemoryWithin("cmdline", 3, memoryWithin); err != nil || len(got) != 3 || !more {
		t.Errorf("%q, %t, %v; want 3 bytes of more", got, more, err)
	}
}
