package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// The container's root may get a descriptor of the helper's program (CVE-2019-5736).
func TestProgramIsSealed(t *testing.T) {
	program, err := newProgram()
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	const all = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if seals, err := unix.FcntlInt(program.Fd(), unix.F_GET_SEALS, 0); err != nil || seals&all != all {
		t.Errorf("seals %#x, %v; want %#x", seals, err, all)
	}
}

func TestHintForMemoryInUse(t *testing.T) {
	err := explainMemfd(fmt.Errorf("seal memory file docker-nsjoin: %w", unix.EBUSY))
	known, ok := errors.AsType[*exit.Error](err)
	if want := "the kernel uses the memory of this file for something else: run the command again, or use --via engine"; !ok || known.Hint != want {
		t.Errorf("%+v, want the hint %q", err, want)
	}
}

func TestOutput(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root, to inspect other processes")
	}
	out, err := Output(t.Context(), &request.Request{Version: request.Version, Survey: &request.Survey{}}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	var found survey.Survey
	if err := json.Unmarshal(out, &found); err != nil || len(found.Groups) == 0 || found.Groups[0].Count == 0 {
		t.Errorf("%+v, %v: no processes", found, err)
	}
}

func TestOutputReturnsHelpersError(t *testing.T) {
	r := &request.Request{Version: request.Version, Base: request.Source{From: request.FromPID, PID: 1 << 22}, DryRun: request.OutputText}
	out, err := Output(t.Context(), r, func(string) {})
	known, ok := errors.AsType[*exit.Error](err)
	if !ok || known.Status != exit.Failed || known.Hint != "ps -e lists the processes of this host" {
		t.Fatalf("%q, %+v", out, err)
	}
	if want := "find pid:4194304: open process 4194304: no such process"; known.Error() != want {
		t.Errorf("%q, want %q", known.Error(), want)
	}
}

func TestOutputCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if out, err := Output(ctx, &request.Request{Version: request.Version, Survey: &request.Survey{}}, func(string) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("%q, %v; want %v", out, err, context.Canceled)
	}
}
