//go:build !linux

package launch

import (
	"context"
	"errors"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

func newProgram() (*os.File, error) { return nil, errNotLinux() }

func execHelper(*os.File, *request.Request, *os.File) error { return errNotLinux() }

func runHelper(context.Context, *os.File, *request.Request) ([]byte, error) {
	return nil, errNotLinux()
}

func errNotLinux() error {
	return errors.New("joining namespaces needs Linux")
}
