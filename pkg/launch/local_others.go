//go:build !linux

package launch

import (
	"context"
	"errors"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

func makeProgram() (*os.File, error) { return nil, errSystem() }

func local(*os.File, *request.Request, *os.File) error { return errSystem() }

func output(context.Context, *os.File, *request.Request) ([]byte, error) { return nil, errSystem() }

func errSystem() error {
	return errors.New("namespaces are joined on Linux, and this is another system")
}
