// Package launch chooses how the helper is started on the engine's host, and starts it if that is this
// machine. For a helper container it makes the archive of files to copy there.
package launch

import (
	"context"
	"errors"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
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

// Program is the helper's program file, which is made in the background.
type Program struct {
	ready chan struct{}
	file  *os.File
	err   error
}

// Prepare begins to make the program file for a helper on this machine. That takes about a millisecond,
// as long as an engine's answer.
func Prepare() *Program {
	p := &Program{ready: make(chan struct{})}
	go func() {
		p.file, p.err = newProgram()
		close(p.ready)
	}()
	return p
}

// Launch starts the helper for r and returns only on an error. socket is the connection to the Docker
// CLI, which the helper watches, or nil.
func (p *Program) Launch(r *request.Request, socket *os.File) error {
	if <-p.ready; p.err != nil {
		return p.err
	}
	return execHelper(p.file, r, socket)
}

// Output runs the helper for r, which must ask for output only, and returns the output. An error that the
// helper reports is returned.
func Output(ctx context.Context, r *request.Request) ([]byte, error) {
	program, err := newProgram()
	if err != nil {
		return nil, err
	}
	defer program.Close()
	return runHelper(ctx, program, r)
}
