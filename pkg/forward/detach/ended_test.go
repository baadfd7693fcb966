//go:build unix

package detach

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain makes the test program a process in the background.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == Arg {
		inBackground(os.Args[2])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// inBackground waits until it is not wanted any more, takes its time to remove what it would have made, and writes a file.
func inBackground(file string) {
	unwanted := make(chan struct{})
	s := Connect(func() { close(unwanted) })
	s.Note("waits")
	<-unwanted
	time.Sleep(200 * time.Millisecond)
	s.Note("to somebody who may be gone")
	_ = os.WriteFile(file, nil, 0o600)
}

// A call that is interrupted before it is ready removes what it has made.
func TestInterruptedStart(t *testing.T) {
	removed := filepath.Join(t.TempDir(), "removed")
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	notes := 0
	_, err := Start(ctx, []string{os.Args[0], removed}, nil, Output{Out: io.Discard, Err: io.Discard, Note: func(string) {
		notes++
		cancel(interrupted)
	}})
	if !errors.Is(err, interrupted) || notes != 1 {
		t.Errorf("%v, %d notes", err, notes)
	}
	if _, err := os.Stat(removed); err != nil {
		t.Error("it was ended before:", err)
	}
}

// So does one whose first process is killed, although it writes to nobody then. It holds nothing that the caller has open.
func TestKilledFirstProcess(t *testing.T) {
	removed := filepath.Join(t.TempDir(), "removed")
	held, holds, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	cmd := exec.Command(os.Args[0], Arg, removed)
	cmd.ExtraFiles = []*os.File{holds}
	stdin, errIn := cmd.StdinPipe()
	says, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	holds.Close()
	if _, err := bufio.NewReader(says).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	poll := []unix.PollFd{{Fd: int32(held.Fd()), Events: unix.POLLIN}}
	if n, err := unix.Poll(poll, 0); n != 1 || err != nil || poll[0].Revents&unix.POLLHUP == 0 {
		t.Errorf("a descriptor of the caller's is still open: %d, %v, %#x", n, err, poll[0].Revents)
	}
	stdin.Close()
	says.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(removed); err != nil {
		t.Error("it was ended before:", err)
	}
}
