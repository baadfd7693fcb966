//go:build !linux

package launch

import (
	"context"
	"errors"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

func newProgram() (*os.File, error) { return nil, errNotLinux() }

func newToolbox(*state.Dir) (*os.File, error) { return nil, errNotLinux() }

func newContent([]byte) (*os.File, error) { return nil, errNotLinux() }

func execHelper(*os.File, *request.Request, *os.File, ...*os.File) error { return errNotLinux() }

func runHelper(context.Context, *os.File, *request.Request, func(string)) ([]byte, error) {
	return nil, errNotLinux()
}

func errNotLinux() error {
	return errors.New("joining namespaces needs Linux")
}
