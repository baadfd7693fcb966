package enginehost

import (
	"context"
	"sync"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/client"
)

// openNetworkThroughEngine starts a helper in a container of the engine, which serves all connections over its one
// attached connection.
func (h *Host) openNetworkThroughEngine(ctx context.Context, r *request.Request, answers engine.Answers) (client.Network, error) {
	s := engine.NewSpec(r, answers)
	r.Client, r.Audit.Client = &request.Client{}, Caller()
	helper, err := h.startContainer(ctx, s, r)
	if err != nil {
		return nil, err
	}
	c, err := h.connect(ctx, helper, 0)
	if err != nil {
		return nil, err
	}
	return &engineNetwork{Remote: &client.Remote{Connection: c}, helper: helper}, nil
}

// engineNetwork is a network whose helper runs in a container of the engine.
type engineNetwork struct {
	*client.Remote
	helper *engine.Helper
	once   sync.Once
	err    error
}

// Close ends the helper. If its container is made from an image of others, it waits until the container is removed.
func (n *engineNetwork) Close() error {
	n.once.Do(func() {
		n.err = n.Remote.Close()
		if !n.helper.MayLeave() {
			_ = awaitEnd(n.Connection, n.helper)
		}
	})
	return n.err
}
