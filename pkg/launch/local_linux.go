package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/memfd"
	"github.com/nsjoin/docker-nsjoin/pkg/payload"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
	"github.com/nsjoin/docker-nsjoin/pkg/toolbox"
)

// execHelper replaces this process with the helper, on the engine's host. It returns only on an error.
//
// The helper runs from a sealed memory file, so that a container that it works in can't overwrite
// the program (CVE-2019-5736). The caller's environment is not passed on; the request holds
// everything that the helper needs. It names the descriptors of more files.
func execHelper(program *os.File, r *request.Request, socket *os.File, more ...*os.File) error {
	document, err := writeRequest(r)
	if err != nil {
		return err
	}
	args := []string{"docker-nsjoin"}
	for i, f := range append([]*os.File{document, socket}, more...) {
		if f == nil {
			continue
		}
		if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFD, 0); err != nil {
			return fmt.Errorf("pass %s to the helper: %w", f.Name(), err)
		}
		if i < 2 { //nolint:mnd // the document and the socket
			args = append(args, strconv.Itoa(int(f.Fd())))
		}
	}
	err = syscall.Exec("/proc/self/fd/"+strconv.Itoa(int(program.Fd())), args, payload.Env())
	return exit.Hint(kernel.Explain(fmt.Errorf("start helper: %w", err)), "use --via engine to start it in a container instead")
}

// runHelper runs the helper as a child process and returns its output.
func runHelper(ctx context.Context, program *os.File, r *request.Request, warn func(string)) ([]byte, error) {
	document, err := writeRequest(r)
	if err != nil {
		return nil, err
	}
	defer document.Close()
	var out bytes.Buffer
	errs := &report{name: exit.Name(r.Program), failed: make(chan struct{})}
	// Through this process's pid: the child has another file at that descriptor.
	cmd := exec.CommandContext(ctx, fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), program.Fd()), "3")
	cmd.Env = payload.Env()
	cmd.ExtraFiles = []*os.File{document}
	cmd.Stdout, cmd.Stderr = &out, errs
	ended := make(chan error, 1)
	go func() { ended <- cmd.Run() }()
	left, err := awaitHelper(ctx, ended, errs.failed)
	text := errs.String()
	for _, text := range errs.name.Warnings(text) {
		warn(text)
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case left:
		return nil, errs.name.ParseReport(text, exit.Failed)
	case text != "" && cmd.ProcessState != nil && !cmd.ProcessState.Success():
		return nil, errs.name.ParseReport(text, cmd.ProcessState.ExitCode())
	case err != nil:
		return nil, fmt.Errorf("run helper: %w", err)
	}
	return out.Bytes(), nil
}

// leaveAfter is how long a helper that has failed, or was killed, may take to end.
const leaveAfter = 3 * time.Second

// awaitHelper waits until the helper has ended. It leaves one that has failed and cannot end: a thread of it waits for the
// server of a FUSE or NFS file system, which not even SIGKILL ends.
func awaitHelper(ctx context.Context, ended <-chan error, failed <-chan struct{}) (left bool, err error) {
	select {
	case err = <-ended:
		return false, err
	case <-failed:
	case <-ctx.Done():
	}
	select {
	case err = <-ended:
		return false, err
	case <-time.After(leaveAfter):
		return true, nil
	}
}

// report is what a helper writes to its standard error. failed is closed when an error is among it.
type report struct {
	name   exit.Name
	failed chan struct{}

	mu    sync.Mutex
	text  strings.Builder
	ended bool
}

func (w *report) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(b)
	if !w.ended && w.name.HasFailed(w.text.String()) {
		w.ended = true
		close(w.failed)
	}
	return len(b), nil
}

func (w *report) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// newProgram makes the file that the helper is executed from.
func newProgram() (*os.File, error) {
	program, err := memfd.Sealed("docker-nsjoin", unix.MFD_EXEC, func(f *os.File) error {
		helper, _, err := payload.Helper(runtime.GOARCH)
		if err != nil {
			return err
		}
		if _, err := io.Copy(f, helper); err != nil {
			return fmt.Errorf("write helper: %w", err)
		}
		return nil
	})
	return program, explainMemfd(err)
}

// newToolbox opens the toolbox's program. If it can't be kept in cache, it is in memory for this call.
func newToolbox(cache *state.Dir) (*os.File, error) {
	digest, size, err := toolbox.Describe(runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	if cache != nil {
		if f, err := cache.Cache("toolbox", digest, size, unpackToolbox); err == nil {
			return f, nil
		}
	}
	f, err := memfd.Create("docker-nsjoin-toolbox", unix.MFD_NOEXEC_SEAL)
	if err != nil {
		return nil, explainMemfd(err)
	}
	if err := unpackToolbox(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// newContent makes the file that the helper reads the user's own programs from.
func newContent(content []byte) (*os.File, error) {
	f, err := memfd.Create("docker-nsjoin-programs", unix.MFD_NOEXEC_SEAL)
	if err != nil {
		return nil, explainMemfd(err)
	}
	_, err = f.Write(content)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("pass programs to the helper: %w", err)
	}
	return f, nil
}

func unpackToolbox(to io.Writer) error {
	program, _, err := toolbox.Open(runtime.GOARCH)
	if err != nil {
		return err
	}
	defer program.Close()
	if _, err := io.Copy(to, program); err != nil {
		return fmt.Errorf("unpack the toolbox: %w", err)
	}
	return nil
}

// writeRequest makes the file that the helper reads the request from.
func writeRequest(r *request.Request) (*os.File, error) {
	f, err := memfd.Create("docker-nsjoin-request", unix.MFD_NOEXEC_SEAL)
	if err != nil {
		return nil, explainMemfd(err)
	}
	if err := r.Write(f); err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	return f, nil
}

// explainMemfd adds a hint to an error of a memory file. EACCES comes from the sysctl only.
func explainMemfd(err error) error {
	err = kernel.Explain(err)
	switch {
	case errors.Is(err, unix.EBUSY):
		return exit.Hint(err, "the kernel uses the memory of this file for something else: run the command again, or use --via engine")
	case errors.Is(err, unix.EACCES):
		return exit.Hint(err, "sysctl vm.memfd_noexec is 2, which forbids executable memory files: set it to 1, or use --via engine")
	}
	return err
}
