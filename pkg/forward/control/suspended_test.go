//go:build unix

package control_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/control"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// suspend starts a call, and suspends it.
func suspend(t *testing.T, path string) *os.Process {
	t.Helper()
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
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		in.Close()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || strings.TrimSpace(line) != "ready" {
		t.Fatal(line, err)
	}
	stop(t, cmd.Process)
	return cmd.Process
}

// stop suspends a child, and waits until it is.
func stop(t *testing.T, p *os.Process) {
	t.Helper()
	var status syscall.WaitStatus
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if _, err := syscall.Wait4(p.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatal(err, status)
	}
}

// resumes is a call that lets others go on when it is asked itself.
type resumes struct{ suspended []*os.Process }

func (r *resumes) Status() []forward.Status {
	for _, p := range r.suspended {
		_ = p.Signal(syscall.SIGCONT)
	}
	return []forward.Status{{ID: "last"}}
}

func (r *resumes) End([]string) {}

// All calls are asked at once: none waits for those before it.
func TestSuspendedCalls(t *testing.T) {
	dir := t.TempDir()
	d := private(t, dir)
	last := &resumes{}
	for _, name := range []string{"a", "b", "c", "d"} {
		last.suspended = append(last.suspended, suspend(t, filepath.Join(dir, name)))
	}
	served, err := control.Record(d, state.Entry{Name: "z", Began: time.Now()}, false)
	if err != nil {
		t.Fatal(err)
	}
	served.Serve(last)
	calls, silent, err := control.Calls(t.Context(), d)
	var ids []string
	for _, c := range calls {
		ids = append(ids, c.Forwards[0].ID)
	}
	if err != nil || len(silent) > 0 || strings.Join(ids, " ") != "a b c d last" {
		t.Errorf("%q, %v, %v", ids, silent, err)
	}

	served.Close()
	for _, p := range last.suspended {
		stop(t, p)
	}
	// The caller's end is no silence.
	gone, leave := context.WithCancelCause(t.Context())
	errGone := errors.New("gone")
	leave(errGone)
	if calls, silent, err = control.Calls(gone, d); !errors.Is(err, errGone) || len(calls)+len(silent) > 0 {
		t.Errorf("%+v, %v, %v", calls, silent, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	calls, silent, err = control.Calls(ctx, d)
	if err != nil || len(calls) > 0 || len(silent) != len(last.suspended) {
		t.Fatalf("%+v, %v, %v", calls, silent, err)
	}
	for i, p := range last.suspended {
		if want := fmt.Sprintf("does not answer: if it is suspended, kill -CONT %d lets it go on", p.Pid); !strings.Contains(silent[i].Error(), want) {
			t.Errorf("%v, want %s", silent[i], want)
		}
	}
}
