//go:build !linux

package launch

import (
	"errors"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

func local(*request.Request, *os.File) error {
	return exit.Hint(errors.New("namespaces are joined on Linux, and this is another system"),
		"run docker nsjoin on the engine's host")
}
