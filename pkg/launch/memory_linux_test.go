package launch

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// The container's root may get hold of the helper's program, CVE-2019-5736.
func TestSealedProgramCantBeChanged(t *testing.T) {
	program := memory(t, "program", unix.MFD_EXEC, "#!/bin/sh\n")
	if err := seal(program); err != nil {
		t.Fatal(err)
	}
	if _, err := program.WriteAt([]byte("x"), 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("write: %v, want %v", err, unix.EPERM)
	}
	for _, size := range []int64{0, 4096} {
		if err := program.Truncate(size); !errors.Is(err, unix.EPERM) {
			t.Errorf("truncate to %d: %v, want %v", size, err, unix.EPERM)
		}
	}
	again, err := os.OpenFile(link(program), os.O_WRONLY, 0)
	if err == nil {
		defer again.Close()
		if _, err := again.WriteString("x"); !errors.Is(err, unix.EPERM) {
			t.Errorf("write to the file opened again: %v, want %v", err, unix.EPERM)
		}
	}
	if err := seal(program); !errors.Is(err, unix.EPERM) {
		t.Errorf("seal it another time: %v, want %v: the seals are sealed too", err, unix.EPERM)
	}
	text, err := io.ReadAll(io.NewSectionReader(program, 0, 1<<10))
	if err != nil || string(text) != "#!/bin/sh\n" {
		t.Errorf("it holds %q, %v", text, err)
	}
}

func TestMemoryFileRuns(t *testing.T) {
	truth, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	program := memory(t, "program", unix.MFD_EXEC, string(truth))
	if err := seal(program); err != nil {
		t.Fatal(err)
	}
	// A file that is open for writing can't be executed, so it is opened again.
	again, err := os.Open(link(program))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	program.Close()
	if err := exec.CommandContext(t.Context(), link(again)).Run(); err != nil {
		t.Errorf("run it: %v", err)
	}
}

func TestMemoryFileStaysWithUs(t *testing.T) {
	f := memory(t, "request", unix.MFD_NOEXEC_SEAL, "secret")
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("its descriptor has the flags %#x, %v: not closed on exec", flags, err)
	}
}

func TestMemoryFileWithAFlagThatNoKernelKnows(t *testing.T) {
	f, err := memoryFile("request", 1<<20)
	if err != nil {
		t.Fatalf("an old kernel doesn't know MFD_EXEC, and this one not the flag given: %v", err)
	}
	f.Close()
}

func memory(t *testing.T, name string, mode int, content string) *os.File {
	t.Helper()
	f, err := memoryFile(name, mode)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	return f
}

func link(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }

func TestOutputIsWhatTheHelperPrints(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("looking into other processes takes root")
	}
	out, err := Output(t.Context(), &request.Request{Version: request.Version, Survey: &request.Survey{}})
	if err != nil {
		t.Fatal(err)
	}
	var found survey.Survey
	if err := json.Unmarshal(out, &found); err != nil || len(found.Groups) == 0 || found.Groups[0].Count == 0 {
		t.Errorf("%+v, %v: no processes", found, err)
	}
}

func TestErrorOfTheHelperIsOurs(t *testing.T) {
	r := &request.Request{Version: request.Version, Base: request.Source{From: request.FromPID, PID: 1 << 22}, DryRun: request.OutputText}
	out, err := Output(t.Context(), r)
	known, ok := errors.AsType[*exit.Error](err)
	if !ok || known.Status != exit.Failed || known.Hint != "ps -e lists the processes of this host" {
		t.Fatalf("%q, %+v", out, err)
	}
	if want := "find pid:4194304: pidfd of process 4194304: no such process"; known.Error() != want {
		t.Errorf("%q, want %q", known.Error(), want)
	}
}

func TestOutputEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if out, err := Output(ctx, &request.Request{Version: request.Version, Survey: &request.Survey{}}); !errors.Is(err, context.Canceled) {
		t.Errorf("%q, %v; want %v", out, err, context.Canceled)
	}
}
