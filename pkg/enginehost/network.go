package enginehost

import (
	"context"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/client"
)

// OpenNetwork starts a helper that serves the sockets of r.Base. r is a request of request.NewForward that was resolved with
// answers. The caller closes the network.
func (h *Host) OpenNetwork(ctx context.Context, r *request.Request, answers engine.Answers) (client.Network, error) {
	way, err := h.choose(r, answers)
	if err != nil {
		return nil, err
	}
	if way == launch.Local {
		return h.openLocalNetwork(ctx, r)
	}
	return h.openNetworkThroughEngine(ctx, r, answers)
}

// openLocalNetwork starts the helper as a child of this process.
func (h *Host) openLocalNetwork(ctx context.Context, r *request.Request) (client.Network, error) {
	server, err := launch.Serve(ctx, r)
	if err != nil {
		return nil, err
	}
	network, err := client.OpenLocal(ctx, server.Socket, server.Wait)
	if err != nil {
		return nil, err
	}
	server.Relay(h.Stderr)
	return network, nil
}
