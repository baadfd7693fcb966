//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/memfd"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/observe"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/programs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/session"
	"github.com/nsjoin/docker-nsjoin/pkg/view"
)

// keepProgram keeps the descriptors of a local request's programs to this process, as soon as the request is read.
func keepProgram(r *request.Request) {
	if r.View == nil {
		return
	}
	for _, fd := range []int{r.View.Program, r.View.Content} {
		if fd > 0 {
			unix.CloseOnExec(fd)
		}
	}
}

// receivePrograms reads the programs that follow a client's request into a memory file, and sets Content to it.
func receivePrograms(r *request.Request) error {
	size := r.View.ContentSize()
	if size == 0 || r.DryRun != request.OutputNone {
		return nil
	}
	if size < 0 || size > request.MaxFileBytes {
		return fmt.Errorf("receive programs: they have more than %d bytes", request.MaxFileBytes)
	}
	f, err := memfd.Create("docker-nsjoin-programs", unix.MFD_NOEXEC_SEAL)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(session.RemotePrograms(), request.MaxFileBytes+1))
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes came, not %d", n, size)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err == nil {
		r.View.Content, err = unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	}
	f.Close()
	if err != nil {
		return fmt.Errorf("receive programs: %w", err)
	}
	return nil
}

// makeView makes the tree of the plan's view; nil if it has none. found are the programs of a directory of the host.
func makeView(r *request.Request, p *plan.Plan, found *programs.Set) (*os.File, error) {
	if p.View == nil {
		return nil, nil
	}
	var from view.Contents
	if found != nil {
		from.Open = found.Open
	} else if r.View.Content > 0 {
		content := os.NewFile(uintptr(r.View.Content), "programs")
		defer content.Close()
		from.Open = func(f request.File) (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(content, f.Size)), nil }
	} else {
		from.Open = func(request.File) (io.ReadCloser, error) {
			return nil, errors.New("the request has none of its content")
		}
	}
	if len(p.View.Tools) > 0 {
		var err error
		if from.Toolbox, err = openProgram(r); err != nil {
			return nil, fmt.Errorf("the toolbox: %w", err)
		}
		defer from.Toolbox.Close()
	}
	return view.Build(p.View, from)
}

// makeClone clones the mounts that the plan's view has beside the host's; nil if it has none.
func makeClone(p *plan.Plan, seen *observe.Observation) (*os.File, error) {
	if p.View == nil || p.View.Clone == nil {
		return nil, nil
	}
	of := seen.Processes[p.View.Clone.PID]
	if of == nil {
		return nil, errors.New("the container of the view was not observed")
	}
	return view.Clone(p.View.Clone, func(attributes uint64) (*os.File, error) {
		return inroot.CloneOfNamespace(of.Namespaces[ns.Mnt], attributes)
	})
}

// openProgram opens the toolbox's program. In a container of another image it is in a directory whose name nobody can
// predict, so a file of the image's is never taken for it.
func openProgram(r *request.Request) (*os.File, error) {
	v := r.View
	switch {
	case v.Program > 0:
		return os.NewFile(uintptr(v.Program), "toolbox"), nil
	case v.ProgramPath == "":
		return nil, errors.New("the request names no program")
	}
	f, err := os.Open(r.Call.Directory() + string(v.ProgramPath))
	if errors.Is(err, fs.ErrNotExist) {
		return os.Open(string(v.ProgramPath))
	}
	return f, err
}
