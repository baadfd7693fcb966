package mount

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/nsjoin/docker-nsjoin/pkg/enginehost"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// locate makes a path on the host absolute. r is resolved.
func locate(host *enginehost.Host, r *request.Request) error {
	q, typed := r.Mount, string(r.Mount.Source)
	if typed == "" || q.From != nil {
		return nil
	}
	if strings.HasPrefix(typed, "/") {
		q.Source = request.Word(filepath.ToSlash(filepath.Clean(typed)))
		return nil
	}
	// Unlike os.Getwd, it asks no file system: its server may not answer, and then this process could not even be killed.
	dir, err := syscall.Getwd()
	if err != nil {
		return fmt.Errorf("%s: %w", typed, err)
	}
	switch same, err := host.SharesDir(r, dir); {
	case err != nil:
		return err
	case !same:
		return exit.Hint(fmt.Errorf("%s is relative to %s of this machine, which is not a directory of the engine's host", typed, dir),
			"name an absolute path on the engine's host")
	}
	q.Source = request.Word(filepath.Join(dir, typed))
	return nil
}
