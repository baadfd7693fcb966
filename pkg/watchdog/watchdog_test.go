//go:build linux

package watchdog_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/watchdog"
)

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

func closed(f *os.File) bool { return errors.Is(f.Close(), os.ErrClosed) }

func TestStopKillsTheProcessAndWaitsForIt(t *testing.T) {
	alive, conn := pipe(t)
	w, err := watchdog.Start(func([]string, *os.File, *os.File, *os.File) (int, error) {
		cmd := exec.Command("sleep", "600")
		err := cmd.Start()
		return cmd.Process.Pid, err
	}, nil, alive, conn, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Stop()
	if err := unix.Kill(w.PID, 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("it is left: %v", err)
	}
	if !closed(alive) || !closed(conn) {
		t.Error("a file is left open")
	}
	(*watchdog.Watchdog)(nil).Stop()
}

func TestStreamsThatAreNotGivenAreTheStandardInput(t *testing.T) {
	refused := errors.New("refused")
	alive, conn := pipe(t)
	w, err := watchdog.Start(func(args []string, in, stdout, stderr *os.File) (int, error) {
		if len(args) != 1 || in != alive || stdout != os.Stdout || stderr != alive {
			t.Errorf("arguments %q, streams %v %v %v", args, in, stdout, stderr)
		}
		return 0, refused
	}, []string{"watch"}, alive, conn, os.Stdout, nil)
	if w != nil || !errors.Is(err, refused) {
		t.Errorf("%v, %v", w, err)
	}
	if !closed(alive) || !closed(conn) {
		t.Error("a file is left open")
	}
}
