//go:build linux

package observe

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

func TestOpenNamespaceByPath(t *testing.T) {
	own := openTestProcess(t, os.Getpid())
	if err := own.OpenNamespaces(); err != nil {
		t.Fatal(err)
	}
	for _, k := range ns.Kinds() {
		path := "/proc/self/ns/" + k.String()
		linked := filepath.Join(t.TempDir(), "blue")
		if err := os.Symlink(path, linked); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{path, linked} {
			f, facts, err := openNamespace(path)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			f.Close()
			if facts.Kind != k || facts.ID != own.IDs[k] {
				t.Errorf("%s is %s %v, want %s %v", path, facts.Kind, facts.ID, k, own.IDs[k])
			}
		}
	}
}

// Other files are not opened: opening a FIFO blocks, and opening a device can trigger an action.
func TestOpenNamespaceRefusesOtherFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(
		os.WriteFile(at("file"), []byte("net"), 0o644),
		unix.Mkfifo(at("fifo"), 0o644),
		unix.Mknod(at("socket"), unix.S_IFSOCK|0o644, 0),
		os.Symlink(at("fifo"), at("linked")),
		os.Symlink("loop", at("loop")),
	); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		at("file"):    "not a namespace file",
		at("fifo"):    "not a namespace file",
		at("socket"):  "not a namespace file",
		at("linked"):  "not a namespace file",
		dir:           "not a namespace file",
		"/dev/null":   "not a namespace file",
		"/proc/self":  "not a namespace file",
		at("nothing"): unix.ENOENT.Error(),
		at("file/x"):  unix.ENOTDIR.Error(),
		at("loop"):    unix.ELOOP.Error(),
	} {
		done := make(chan error, 1)
		go func() {
			f, _, err := openNamespace(path)
			if f != nil {
				f.Close()
			}
			done <- err
		}()
		select {
		case err := <-done:
			if err == nil || err.Error() != want {
				t.Errorf("%s: %v, want %s", path, err, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: it blocks", path)
		}
	}
}

func TestOwnerIsAUserNamespace(t *testing.T) {
	own := openTestProcess(t, os.Getpid())
	if err := own.OpenNamespaces(); err != nil {
		t.Fatal(err)
	}
	for k, f := range own.Namespaces {
		id, err := owner(f)
		if errors.Is(err, unix.EPERM) {
			continue // it is above the test's, as in a container
		}
		if k != ns.User && (err != nil || id != own.IDs[ns.User]) {
			t.Errorf("%s is owned by %v, %v; want %v", k, id, err, own.IDs[ns.User])
		}
	}
}

// The search upwards ends at the helper's own namespace.
func TestPIDNamespaceIsReachableFromAbove(t *testing.T) {
	own := openTestProcess(t, os.Getpid())
	if err := own.OpenNamespaces(); err != nil {
		t.Fatal(err)
	}
	pid := own.Namespaces[ns.PID]
	if got, err := unreachable(pid, own.IDs[ns.PID]); err != nil || got {
		t.Errorf("its own: unreachable %v, %v", got, err)
	}
	if got, err := unreachable(pid, ns.ID{Dev: 1, Ino: 1}); err != nil || !got {
		t.Errorf("one that is not below: unreachable %v, %v", got, err)
	}
}

// A process that was named as pid:N is proved when a container names it too, and again when another container
// does.
func TestEachContainerIsProved(t *testing.T) {
	pid := running(t, "cat").Process.Pid
	o := &Observation{Processes: make(map[int]*Process), shims: make(map[*Process]*Process)}
	named := request.Source{From: request.FromPID, PID: pid}
	claimed := request.Source{From: request.FromContainer, Name: "web", PID: pid, Container: &request.Container{ID: strings.Repeat("1f", 32)}}
	p, err := o.process(named)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.process(claimed); !errors.Is(err, errNotContainer) {
		t.Errorf("after pid:%d, its container: %v, want %v", pid, err, errNotContainer)
	}
	p.container = claimed.Container.ID
	if got, err := o.process(claimed); err != nil || got != p {
		t.Errorf("after the proof: %v, %v", got, err)
	}
	other := claimed
	other.Container = &request.Container{ID: strings.Repeat("2e", 32)}
	if _, err := o.process(other); !errors.Is(err, errNotContainer) {
		t.Errorf("another container: %v, want %v", err, errNotContainer)
	}
	if got, err := o.process(named); err != nil || got != p {
		t.Errorf("the process again: %v, %v", got, err)
	}
}
