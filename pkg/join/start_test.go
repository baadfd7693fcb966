//go:build linux

package join

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// ours returns a plan of a command that stays in our namespaces, which requires no capabilities.
func ours(t *testing.T, paths []string, args ...string) *plan.Plan {
	t.Helper()
	p := &plan.Plan{
		Target:   "web",
		Identity: plan.Identity{Who: plan.Caller, Env: []string{"A=1", "PATH=/nowhere"}},
		Command:  plan.Command{Args: args, Paths: paths},
		Steps:    []plan.Step{{Op: plan.OpSettle}, {Op: plan.OpFind}, {Op: plan.OpExec}},
	}
	for _, k := range ns.Kinds() {
		var st unix.Stat_t
		if err := unix.Stat("/proc/self/ns/"+k.String(), &st); err == nil {
			p.Namespaces = append(p.Namespaces, plan.Namespace{Kind: k, Source: "host", ID: ns.ID{Dev: st.Dev, Ino: st.Ino}})
		}
	}
	return p
}

// started starts a plan's command and returns what it wrote and its status.
func started(t *testing.T, p *plan.Plan) (output string, status int, err error) {
	t.Helper()
	return startedWith(t, p, func(int, *os.File) error { return nil })
}

func startedWith(t *testing.T, p *plan.Plan, ready func(int, *os.File) error) (output string, status int, err error) {
	t.Helper()
	runtime.LockOSThread() // the command lives as long as the thread
	defer runtime.UnlockOSThread()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	child, err := Start(p, Held{Stdio: [3]*os.File{open(t, "/dev/null"), w, os.Stderr}}, ready)
	w.Close()
	if err != nil {
		return "", 0, err
	}
	defer child.Release()
	text, readErr := io.ReadAll(r)
	status, err = child.Wait()
	return string(text), status, errors.Join(readErr, err)
}

func TestCommandOfThePlan(t *testing.T) {
	for _, row := range []struct {
		name, script, output string
		status               int
	}{
		{"arguments", `printf '%s|' "$0" "$@"`, "name|a b||c|", 0},
		{"environment", `echo $A $PATH`, "1 /nowhere\n", 0},
		{"no other environment", `/bin/cat /proc/$$/environ`, "A=1\x00PATH=/nowhere\x00", 0},
		{"a status", `exit 42`, "", 42},
		{"an end by a signal", `kill -KILL $$`, "", exit.Signalled(9)},
		{"no descriptor of ours is open", `n=3; while [ $n -lt 256 ]; do [ ! -e /proc/$$/fd/$n ] || echo $n; n=$((n+1)); done`, "", 0},
	} {
		out, status, err := started(t, ours(t, []string{"/bin/sh"}, "sh", "-c", row.script, "name", "a b", "", "c"))
		if err != nil || out != row.output || status != row.status {
			t.Errorf("%s: %q, status %d, %v; want %q, status %d", row.name, out, status, err, row.output, row.status)
		}
	}
}

// The first file of PATH that may be executed is executed.
func TestCommandIsFoundInPath(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, status, err := started(t, ours(t, []string{filepath.Join(dir, "nothing"), dir, plain, "/bin/sh"}, "sh", "-c", "echo found"))
	if err != nil || out != "found\n" || status != 0 {
		t.Errorf("%q, status %d, %v", out, status, err)
	}
}

func TestCommandThatCantBeExecuted(t *testing.T) {
	dir := t.TempDir()
	at := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	nothing := filepath.Join(dir, "nothing")
	for _, row := range []struct {
		name, path string
		search     bool
		status     int
		cause      error
	}{
		{"not there", nothing, false, exit.NotFound, unix.ENOENT},
		{"beneath a file", at("file", "", 0o644) + "/x", false, exit.NotFound, unix.ENOTDIR},
		{"a directory", dir, false, exit.CannotRun, unix.EISDIR},
		{"not executable", at("plain", "#!/bin/sh\n", 0o644), false, exit.CannotRun, unix.EACCES},
		{"no program", at("garbage", "\x00garbage", 0o755), false, exit.CannotRun, unix.ENOEXEC},
		{"without its interpreter", at("script", "#!"+nothing+"\n", 0o755), false, exit.NotFound, unix.ENOENT},
		{"in no directory of PATH", nothing, true, exit.NotFound, nil},
		{"in PATH, not executable", at("found", "#!/bin/sh\n", 0o644), true, exit.NotFound, nil},
	} {
		p := ours(t, []string{row.path}, "name")
		p.Command.Search = row.search
		_, _, err := started(t, p)
		if err == nil || exit.Status(err) != row.status || row.cause != nil && !errors.Is(err, row.cause) {
			t.Errorf("%s: %v, status %d; want %v, status %d", row.name, err, exit.Status(err), row.cause, row.status)
		}
		nothingLeft(t, row.name)
	}
}

func TestCommandInAnotherNamespaceDoesntRun(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	p := ours(t, []string{"/bin/sh"}, "sh", "-c", ": >"+ran)
	p.Namespaces[0].ID.Ino++
	if _, _, err := started(t, p); err == nil {
		t.Error("it runs in another namespace than planned")
	}
	nothingLeft(t, "refused")
	if _, err := os.Stat(ran); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the command ran: %v", err)
	}
}

// Ready gets the command's process number before the command runs.
func TestReadyGetsTheCommandsNumber(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	got := 0
	out, _, err := startedWith(t, ours(t, []string{"/bin/sh"}, "sh", "-c", ": >"+ran+"; echo $$"), func(pid int, _ *os.File) error {
		if _, err := os.Stat(ran); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the command ran already: %v", err)
		}
		got = pid
		return nil
	})
	if err != nil || out != fmt.Sprintln(got) {
		t.Errorf("ready got %d; the command is %q, %v", got, out, err)
	}
}

func TestCommandThatReadyRefusesDoesntRun(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	refusal := errors.New("refused")
	_, _, err := startedWith(t, ours(t, []string{"/bin/sh"}, "sh", "-c", ": >"+ran), func(int, *os.File) error { return refusal })
	if !errors.Is(err, refusal) {
		t.Errorf("%v, want %v", err, refusal)
	}
	nothingLeft(t, "refused")
	if _, err := os.Stat(ran); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the command ran: %v", err)
	}
}

func TestCommandsDirectory(t *testing.T) {
	dir := t.TempDir()
	file, closed := filepath.Join(dir, "file"), filepath.Join(dir, "loop")
	if err := errors.Join(os.WriteFile(file, nil, 0o644), os.Symlink("loop", closed)); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		dir    string
		status int
	}{
		{dir, 0}, {filepath.Join(dir, "nothing"), exit.NotFound}, {file, exit.NotFound}, {closed, exit.CannotRun},
	} {
		p := ours(t, []string{"/bin/sh"}, "sh", "-c", "pwd")
		p.Identity.Dir = row.dir
		p.Steps = append([]plan.Step{{Op: plan.OpDir}}, p.Steps...)
		out, _, err := started(t, p)
		if exit.Status(err) != row.status || err == nil && out != row.dir+"\n" {
			t.Errorf("%s: %q, %v, status %d; want %d", row.dir, out, err, exit.Status(err), row.status)
		}
		nothingLeft(t, row.dir)
	}
}

// nothingLeft fails the test if a child of ours has not been waited for.
func nothingLeft(t *testing.T, when string) {
	t.Helper()
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG|unix.WALL, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("%s: a child is left, %d, %v", when, pid, err)
	}
}
