//go:build unix

package control_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/control"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/listen"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// callVariable turns the test program into a call that forwards from the socket that it names.
const callVariable = "NSJOIN_TEST_CALL"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == control.GuardArg {
		if err := control.RunGuard(); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestCall is not a test: TestKilledCallLeavesNothing runs it.
func TestCall(t *testing.T) {
	path := os.Getenv(callVariable)
	if path == "" {
		return
	}
	d := &state.Dir{Config: filepath.Dir(path)}
	served, err := control.Record(d, state.Entry{Name: filepath.Base(path), PID: os.Getpid(), Began: time.Now(), Sockets: []string{path}}, false)
	if err != nil {
		t.Fatal(err)
	}
	stop, err := served.StartGuard(d)
	if err != nil {
		t.Fatal(err)
	}
	set, err := listen.On(t.Context(), spec.Listen{Network: spec.Unix, Path: path}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	served.Serve(&session{ids: []string{filepath.Base(path)}})
	fmt.Fprintln(os.Stderr, "ready")
	_, _ = os.Stdin.Read(make([]byte, 1))
	set.Close()
	served.Close()
	stop()
}

func TestKilledCallLeavesNothing(t *testing.T) {
	for _, how := range []string{"killed", "ended"} {
		dir := t.TempDir()
		private(t, dir)
		path := filepath.Join(dir, "socket")
		cmd := exec.Command(os.Args[0], "-test.run=^TestCall$")
		cmd.Env = append(os.Environ(), callVariable+"="+path)
		in, _ := cmd.StdinPipe()
		out, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || strings.TrimSpace(line) != "ready" {
			t.Fatal(line, err)
		}
		if how == "killed" {
			_ = cmd.Process.Kill()
		}
		in.Close()
		_ = cmd.Wait()
		for deadline := time.Now().Add(time.Minute); how == "killed" && len(left(dir)) > 0 && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
		if list := left(dir); len(list) > 0 {
			t.Errorf("a call that was %s left %q", how, list)
		}
	}
}

// left returns the sockets and records in a directory.
func left(dir string) (list []string) {
	for _, pattern := range []string{"socket", "docker-nsjoin/*"} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		list = append(list, found...)
	}
	return list
}

// A call whose state directory cannot be used forwards, too.
func TestWithoutRecord(t *testing.T) {
	d := private(t, t.TempDir())
	if err := os.MkdirAll(filepath.Join(d.Config, "docker-nsjoin"), 0o755); err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(filepath.Join(d.Config, "docker-nsjoin"), 0o755)
	served, err := control.Record(d, state.Entry{Name: "one"}, false)
	if err == nil {
		t.Fatal("a directory that others may enter is used")
	}
	served.Serve(nil)
	stop, err := served.StartGuard(d)
	if err != nil {
		t.Error(err)
	}
	stop()
	served.Close()
}
