//go:build unix

// Wine has no UNIX sockets.

package control_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/control"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// session is a call with forwards.
type session struct{ ids []string }

func (s *session) Status() []forward.Status {
	var list []forward.Status
	for _, id := range s.ids {
		list = append(list, forward.Status{ID: id})
	}
	return list
}

func (s *session) End(ids []string) {
	s.ids = slices.DeleteFunc(s.ids, func(id string) bool { return slices.Contains(ids, id) })
}

func private(t *testing.T, dir string) *state.Dir {
	t.Helper()
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.Chmod(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("LOCALAPPDATA", dir) // of Windows
	return &state.Dir{Config: dir}
}

func TestCalls(t *testing.T) {
	for name, dir := range map[string]string{"a short path": t.TempDir(), "a long path": filepath.Join(t.TempDir(), strings.Repeat("d", 120))} {
		d := private(t, dir)
		served, err := control.Record(d, state.Entry{Name: "one", Context: "there", Began: time.Now()}, true)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		served.Serve(&session{ids: []string{"a", "b"}})
		calls, silent, err := control.Calls(t.Context(), d)
		if err != nil || len(silent) > 0 || len(calls) != 1 || len(calls[0].Forwards) != 2 || !calls[0].Background || calls[0].PID != os.Getpid() || calls[0].Context != "there" {
			t.Fatalf("%s: %+v, %v, %v", name, calls, silent, err)
		}
		if err := calls[0].End([]string{"a"}); err != nil {
			t.Error(err)
		}
		if calls, _, _ := control.Calls(t.Context(), d); len(calls) != 1 || len(calls[0].Forwards) != 1 || calls[0].Forwards[0].ID != "b" {
			t.Errorf("%s: %+v", name, calls)
		}
		served.Close()
		if left, _ := filepath.Glob(filepath.Join(dir, "docker-nsjoin", "*")); len(left) > 0 {
			t.Errorf("%s: left %q", name, left)
		}
	}
}

// A call may have more forwards than a question has room for.
func TestEndMany(t *testing.T) {
	d := private(t, t.TempDir())
	served, err := control.Record(d, state.Entry{Name: "one", Began: time.Now()}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer served.Close()
	s := &session{}
	for i := range 6000 {
		s.ids = append(s.ids, fmt.Sprintf("%012x", i))
	}
	served.Serve(s)
	calls, silent, err := control.Calls(t.Context(), d)
	if err != nil || len(silent) > 0 || len(calls) != 1 || len(calls[0].Forwards) != len(s.ids) {
		t.Fatalf("%d calls, %v, %v", len(calls), silent, err)
	}
	if err := calls[0].End(slices.Clone(s.ids)); err != nil || len(s.Status()) > 0 {
		t.Errorf("%v, %d are left", err, len(s.Status()))
	}
}

// What a killed call has left is removed, but not what another program has made.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	d := private(t, dir)
	ours, others := filepath.Join(dir, "ours"), filepath.Join(dir, "others")
	for _, path := range []string{ours, others} {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		l.Close()
	}
	_ = os.Chmod(ours, 0o600)
	record, err := d.Add(state.Forward, state.Entry{Name: "killed", Sockets: []string{ours, others, filepath.Join(dir, "none")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := record.Listen(); err != nil {
		t.Fatal(err)
	}
	record.Release()
	if calls, silent, err := control.Calls(t.Context(), d); len(calls)+len(silent) > 0 || err != nil {
		t.Errorf("%+v, %v, %v", calls, silent, err)
	}
	if _, err := os.Lstat(ours); !os.IsNotExist(err) {
		t.Errorf("ours: %v", err)
	}
	if _, err := os.Lstat(others); err != nil {
		t.Errorf("another's: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "docker-nsjoin", "*")); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

// A call that hangs is said, and keeps nobody from listing the others.
func TestSilentCall(t *testing.T) {
	d := private(t, t.TempDir())
	record, err := d.Add(state.Forward, state.Entry{Name: "silent", Began: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	defer record.Remove()
	calls, silent, err := control.Calls(t.Context(), d)
	if err != nil || len(calls) > 0 || len(silent) != 1 {
		t.Errorf("%+v, %v, %v", calls, silent, err)
	}
}

// A call that ends while it is asked is neither listed nor said.
func TestCallThatEnds(t *testing.T) {
	d := private(t, t.TempDir())
	record, err := d.Add(state.Forward, state.Entry{Name: "ends", Began: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	socket, err := record.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := socket.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		socket.Close()
		record.Remove()
		conn.Close()
	}()
	calls, silent, err := control.Calls(t.Context(), d)
	if err != nil || len(calls)+len(silent) > 0 {
		t.Errorf("%+v, %v, %v", calls, silent, err)
	}
	<-ended
}

// A call that does not answer does not keep the forwards of the others from being found.
func TestOthersAreAskedAtOnce(t *testing.T) {
	d := private(t, t.TempDir())
	record, err := d.Add(state.Forward, state.Entry{Name: "a", Began: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	defer record.Remove()
	silent, err := record.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	answers, err := control.Record(d, state.Entry{Name: "b", Began: time.Now()}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer answers.Close()
	asked := &told{session: session{ids: []string{"web"}}, asked: make(chan struct{})}
	answers.Serve(asked)
	go func() {
		conn, err := silent.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		left := make(chan struct{})
		go func() {
			_, _ = io.Copy(io.Discard, conn)
			close(left)
		}()
		select {
		case <-asked.asked:
		case <-left:
			t.Error("the other call is asked after this one")
		}
	}()
	if list := (*control.Served)(nil).Others(d)(t.Context()); len(list) != 1 || list[0].ID != "web" {
		t.Errorf("%+v", list)
	}
}

// told is a session that says when it is asked.
type told struct {
	session
	asked chan struct{}
}

func (s *told) Status() []forward.Status {
	close(s.asked)
	return s.session.Status()
}
