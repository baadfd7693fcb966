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
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/memfd"
	"github.com/nsjoin/docker-nsjoin/pkg/payload"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// local replaces this process by the helper, which is on the engine's host
// already. It returns only with an error.
//
// The helper runs from a sealed memory file: a container that it works in can't
// write to the program, whatever it gets hold of (CVE-2019-5736). Nothing
// of the caller's environment is passed on; what it is to know is in the request.
func local(program *os.File, r *request.Request, socket *os.File) error {
	document, err := document(r)
	if err != nil {
		return err
	}
	args := []string{"docker-nsjoin"}
	for _, f := range []*os.File{document, socket} {
		if f == nil {
			continue
		}
		if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFD, 0); err != nil {
			return fmt.Errorf("pass %s on: %w", f.Name(), err)
		}
		args = append(args, strconv.Itoa(int(f.Fd())))
	}
	err = syscall.Exec("/proc/self/fd/"+strconv.Itoa(int(program.Fd())), args, payload.Env())
	return exit.Hint(kernel.Explain(fmt.Errorf("start helper: %w", err)), "--via engine starts it in a container in place of here")
}

// output runs the helper beside this process and returns what it prints.
func output(ctx context.Context, program *os.File, r *request.Request) ([]byte, error) {
	document, err := document(r)
	if err != nil {
		return nil, err
	}
	defer document.Close()
	var out, errs bytes.Buffer
	// By this process's number: in the child another file takes the descriptor's.
	cmd := exec.CommandContext(ctx, fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), program.Fd()), "3")
	cmd.Env = payload.Env()
	cmd.ExtraFiles = []*os.File{document}
	cmd.Stdout, cmd.Stderr = &out, &errs
	switch err := cmd.Run(); {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errs.Len() > 0 && cmd.ProcessState != nil && !cmd.ProcessState.Success():
		return nil, exit.ParseReport(errs.String(), cmd.ProcessState.ExitCode())
	case err != nil:
		return nil, fmt.Errorf("run helper: %w", err)
	}
	return out.Bytes(), nil
}

// makeProgram makes the file that the helper is started from.
func makeProgram() (*os.File, error) {
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
	return program, explain(err)
}

// document makes the file that the helper reads the request from.
func document(r *request.Request) (*os.File, error) {
	f, err := memfd.Create("docker-nsjoin-request", unix.MFD_NOEXEC_SEAL)
	if err != nil {
		return nil, explain(err)
	}
	if err := r.Write(f); err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	return f, nil
}

// explain adds the way out to an error of a memory file. EACCES is the sysctl's own.
func explain(err error) error {
	err = kernel.Explain(err)
	switch {
	case errors.Is(err, unix.EBUSY):
		return exit.Hint(err, "the kernel uses the memory of this file for something else: run the command again, or use --via engine")
	case errors.Is(err, unix.EACCES):
		return exit.Hint(err, "sysctl vm.memfd_noexec is 2, which forbids programs in memory files: 1 is enough, or --via engine")
	}
	return err
}
