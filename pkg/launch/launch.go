// Package launch chooses how the helper is started where the engine's containers
// run, and starts it where that is here. For a container of the engine it makes
// what is copied there.
package launch

import (
	"context"
	"errors"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Via says how the helper is started.
type Via string

// The ways to start the helper.
const (
	Auto   Via = "auto"
	Local  Via = "local"  // in the place of this process
	Engine Via = "engine" // in a container of the engine
)

// ParseVia reads the value of --via.
func ParseVia(value string) (Via, error) {
	switch v := Via(value); v {
	case Auto, Local, Engine:
		return v, nil
	}
	return "", errors.New("one of auto, local, engine")
}

// Program is the helper's program, which is made while other things are waited for.
type Program struct {
	made chan struct{}
	file *os.File
	err  error
}

// Prepare begins to make the program for what is started here. It takes a
// millisecond, about as long as an engine's answer.
func Prepare() *Program {
	p := &Program{made: make(chan struct{})}
	go func() {
		p.file, p.err = makeProgram()
		close(p.made)
	}()
	return p
}

// Launch starts the helper for r and returns only with an error. socket is the
// connection to the Docker CLI that the helper watches, or nil.
func (p *Program) Launch(r *request.Request, socket *os.File) error {
	if <-p.made; p.err != nil {
		return p.err
	}
	return local(p.file, r, socket)
}

// Output runs the helper for r, which asks for something to be printed, and
// returns that. An error of the helper's is one here.
func Output(ctx context.Context, r *request.Request) ([]byte, error) {
	program, err := makeProgram()
	if err != nil {
		return nil, err
	}
	defer program.Close()
	return output(ctx, program, r)
}
