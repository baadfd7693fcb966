// Package launch chooses how the helper is started on the engine's host, and starts it if that is this
// machine.
package launch

import (
	"context"
	"errors"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// Via is a way to start the helper, the value of --via.
type Via string

// The values of --via.
const (
	Auto   Via = "auto"
	Local  Via = "local"  // as this process, by execve(2)
	Engine Via = "engine" // in a container of the engine
)

// ParseVia parses the value of --via.
func ParseVia(value string) (Via, error) {
	switch v := Via(value); v {
	case Auto, Local, Engine:
		return v, nil
	}
	return "", errors.New("must be auto, local or engine")
}

// ToolboxDescriptor is the toolbox's program in a helper that Start has started.
const ToolboxDescriptor = 3

// Program is the helper's program file, and that of the toolbox if the call needs it. They are made in the background.
type Program struct {
	helper, toolbox *file // toolbox is nil if it is not needed
}

// file is a file that is made in the background.
type file struct {
	ready chan struct{}
	file  *os.File
	err   error
}

func prepare(newFile func() (*os.File, error)) *file {
	p := &file{ready: make(chan struct{})}
	go func() {
		p.file, p.err = newFile()
		close(p.ready)
	}()
	return p
}

// Prepare begins to make the program files for a helper on this machine. The helper takes about a millisecond, as long
// as an engine's answer; the toolbox has to be decompressed, and is kept in the user's directory cache.
func Prepare(toolbox bool, cache *state.Dir) *Program {
	p := &Program{helper: prepare(newProgram)}
	if toolbox {
		p.toolbox = prepare(func() (*os.File, error) { return newToolbox(cache) })
	}
	return p
}

// Wait waits until the files have been made, or could not be.
func (p *Program) Wait() {
	<-p.helper.ready
	if p.toolbox != nil {
		<-p.toolbox.ready
	}
}

// Launch starts the helper for r and returns only on an error. socket is the connection to the Docker
// CLI, which the helper watches, or nil. content is that of the files of r's view.
func (p *Program) Launch(r *request.Request, socket *os.File, content []byte) error {
	if <-p.helper.ready; p.helper.err != nil {
		return p.helper.err
	}
	var more []*os.File
	if p.toolbox != nil {
		if <-p.toolbox.ready; p.toolbox.err != nil {
			return p.toolbox.err
		}
		r.View.Program = int(p.toolbox.file.Fd())
		more = append(more, p.toolbox.file)
	}
	if len(content) > 0 {
		programs, err := newContent(content)
		if err != nil {
			return err
		}
		r.View.Content = int(programs.Fd())
		more = append(more, programs)
	}
	return execHelper(p.helper.file, r, socket, more...)
}

// OnHost reports whether the command of r has the host's file system.
func OnHost(r *request.Request) bool { return r.Source(ns.Mnt).From == request.FromHost }

// Output runs the helper for r, which must ask for output only, and returns the output. An error that the
// helper reports is returned. warn is called for each of its warnings.
func Output(ctx context.Context, r *request.Request, warn func(string)) ([]byte, error) {
	program, err := newProgram()
	if err != nil {
		return nil, err
	}
	defer program.Close()
	return runHelper(ctx, program, r, warn)
}
