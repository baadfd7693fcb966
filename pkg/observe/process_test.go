//go:build linux

package observe

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

func TestReadProcess(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("cat")
	cmd.Dir = dir
	start(t, cmd)
	p := openTestProcess(t, cmd.Process.Pid)
	if err := p.Alive(); err != nil {
		t.Errorf("while it runs: %v", err)
	}
	if got, err := p.readlink("cwd"); err != nil || got != dir {
		t.Errorf("its directory is %q, %v; want %q", got, err, dir)
	}
	if got, err := p.readlink("root"); err != nil || got != "/" {
		t.Errorf("its root is %q, %v", got, err)
	}
	st, err := p.readStatus()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := st.Number("Pid", 10); err != nil || got != uint64(cmd.Process.Pid) {
		t.Errorf("its number is %d, %v; want %d", got, err, cmd.Process.Pid)
	}
}

func TestEndedProcessIsNoticed(t *testing.T) {
	cmd := running(t, "cat")
	p := openTestProcess(t, cmd.Process.Pid)
	end(t, cmd)
	for what, read := range map[string]func() error{
		"alive":      p.Alive,
		"namespaces": p.OpenNamespaces,
		"root":       func() error { _, err := p.OpenRoot(); return err },
		"a file":     func() error { _, err := p.read("status"); return err },
		"a link":     func() error { _, err := p.readlink("cwd"); return err },
		"its label":  func() error { _, err := procfs.LabelFrom(p.read); return err },
		"its groups": func() error { _, err := p.readCgroups(); return err },
		"its shim":   func() error { _, err := p.shim("id", ""); return err },
	} {
		err := read()
		if !errors.Is(err, unix.ESRCH) {
			t.Errorf("%s: %v, want %v", what, err, unix.ESRCH)
			continue
		}
		if !strings.HasSuffix(err.Error(), "no such process") {
			t.Errorf("%s: %q does not say that the process has ended", what, err)
		}
	}
}

// A zombie still has a number, a pidfd and some namespaces.
func TestZombieIsRefused(t *testing.T) {
	pid := zombie(t)
	p := openTestProcess(t, pid)
	if err := p.OpenNamespaces(); !errors.Is(err, unix.ESRCH) {
		t.Errorf("OpenNamespaces: %v, want %v", err, unix.ESRCH)
	}
	source := request.Source{From: request.FromPID, PID: pid}
	for name, r := range map[string]*request.Request{
		"as the base":                          {Base: source, Take: ns.All()},
		"for a kind":                           {Base: request.Host(), Overrides: map[ns.Kind]request.Source{ns.Net: source}},
		"for user":                             {Base: request.Host(), Overrides: map[ns.Kind]request.Source{ns.User: source}},
		"as a base that no kind is taken from": {Base: source, Take: ns.All(), Overrides: everything(request.Host())},
	} {
		_, err := Observe(r)
		if want := fmt.Sprintf("find pid:%d: process %[1]d has ended: no such process", pid); text(err) != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
		if known, ok := errors.AsType[*exit.Error](err); !ok || known.Hint == "" {
			t.Errorf("%s: %v has no hint", name, err)
		}
	}
}

func everything(s request.Source) map[ns.Kind]request.Source {
	m := make(map[ns.Kind]request.Source)
	for _, k := range ns.Kinds() {
		m[k] = s
	}
	return m
}

func TestEndedProcessIsNotOpened(t *testing.T) {
	cmd := running(t, "cat")
	end(t, cmd)
	if _, err := OpenProcess(cmd.Process.Pid); !errors.Is(err, unix.ESRCH) {
		t.Errorf("OpenProcess: %v, want %v", err, unix.ESRCH)
	}
}

func TestNamespacesAreThoseOfProc(t *testing.T) {
	cmd := running(t, "cat")
	p := openTestProcess(t, cmd.Process.Pid)
	if err := p.OpenNamespaces(); err != nil {
		t.Fatal(err)
	}
	for _, k := range ns.Kinds() {
		want, err := os.Readlink(p.path("ns/" + k.String()))
		if errors.Is(err, os.ErrNotExist) {
			continue // an old kernel has fewer kinds
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := p.IDs[k].Link(k); got != want {
			t.Errorf("it is in %s, want %s", got, want)
		}
		if p.Namespaces[k] == nil {
			t.Errorf("%s is not open", k)
		}
	}
	facts := p.Facts()
	if facts.PID != cmd.Process.Pid || facts.Namespaces[ns.Net] != p.IDs[ns.Net] {
		t.Errorf("its facts are %+v", facts)
	}
}

func TestRootOfAProcess(t *testing.T) {
	p := openTestProcess(t, running(t, "cat").Process.Pid)
	root, err := p.OpenRoot()
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	got, err := root.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if want, err := os.Stat("/"); err != nil || !os.SameFile(got, want) {
		t.Errorf("it is not the child's root directory, %v", err)
	}
}
