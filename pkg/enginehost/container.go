package enginehost

import (
	"context"
	"io"
	"os"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// startContainer starts the helper for r in a container of the engine that is made by s. Package engine
// makes the container, package launch what is copied into it.
func (h *Host) startContainer(ctx context.Context, s engine.Spec, r *request.Request) (*engine.Helper, error) {
	r.Call = launch.NewCall()
	s.Call, s.Args = r.Call, launch.Args(r.Call)
	archive := func(arch string) (io.Reader, error) {
		onSocket, err := h.Connection.Local()
		if err != nil {
			return nil, err
		}
		return launch.Archive(r, arch, !onSocket)
	}
	return h.Connection.StartHelper(ctx, s, archive, func(text string) { exit.Warn(os.Stderr, text) })
}
