//go:build !linux

package launch

import (
	"context"
	"errors"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

func local(*request.Request, *os.File) error { return errSystem() }

func output(context.Context, *request.Request) ([]byte, error) { return nil, errSystem() }

func errSystem() error {
	return errors.New("namespaces are joined on Linux, and this is another system")
}
