//go:build linux

package view

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// maxProgram limits the toolbox's program, in bytes. It is in memory, like all of the tree.
const maxProgram = 64 << 20

// copySize is how much of it is copied at a time, in bytes.
const copySize = 1 << 20

// Contents are what the view's programs are read from.
type Contents struct {
	Toolbox *os.File // nil if the view has no tools
	// Open opens one of the view's Files, which are asked for in their order. Links are not asked for.
	Open func(request.File) (io.ReadCloser, error)
}

// addTools copies the toolbox's program and makes the links to it.
func addTools(v *plan.View, program *os.File) error {
	if err := copyProgram(layer+v.Program, program); err != nil {
		return fmt.Errorf("the toolbox: %w", err)
	}
	target := "../" + path.Base(v.Program)
	for _, name := range v.Tools {
		if err := unix.Symlink(target, layer+v.Bin+"/"+name); err != nil {
			return fmt.Errorf("the tool %q: %w", name, err)
		}
	}
	return nil
}

// addFile adds one of the user's programs.
func addFile(dir string, f request.File, from Contents) error {
	name := dir + "/" + string(f.Name)
	if f.Link != "" {
		return unix.Symlink(string(f.Link), name)
	}
	content, err := from.Open(f)
	if err != nil {
		return err
	}
	defer content.Close()
	fd, err := unix.Open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, programMode)
	if err != nil {
		return err
	}
	to := os.NewFile(uintptr(fd), name)
	defer to.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{to}, io.LimitReader(content, f.Size), make([]byte, min(copySize, f.Size+1)))
	if err == nil && n != f.Size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// copyProgram copies the toolbox's program, from its beginning if it is a regular file.
func copyProgram(name string, from *os.File) error {
	fd, err := unix.Open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, programMode)
	if err != nil {
		return err
	}
	to := os.NewFile(uintptr(fd), name)
	defer to.Close()
	_, _ = from.Seek(0, io.SeekStart) // a pipe has no beginning
	var st unix.Stat_t
	if unix.Fstat(int(from.Fd()), &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size <= maxProgram {
		_ = unix.Ftruncate(fd, st.Size) // large pages must be within the size
	}
	// Without ReadFrom, which copies 32 KiB at a time.
	n, err := io.CopyBuffer(struct{ io.Writer }{to}, io.LimitReader(from, maxProgram+1), make([]byte, copySize))
	switch {
	case err != nil:
		return err
	case n == 0:
		return errors.New("its program is empty")
	case n > maxProgram:
		return fmt.Errorf("its program has more than %d bytes", maxProgram)
	}
	return nil
}
