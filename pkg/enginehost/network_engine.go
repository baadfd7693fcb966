package enginehost

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"

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
	messages := &heldMessages{}
	remote, err := client.NewRemote(ctx, helper, messages)
	n := &engineNetwork{Remote: remote, helper: helper}
	if err == nil {
		messages.passTo(h.Stderr)
		return n, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	status, failed := n.wait()
	switch {
	case failed != nil:
		return nil, failed
	case status == 0 || messages.text.Len() == 0:
		return nil, err
	}
	return nil, h.cli.Name.ParseReport(messages.text.String(), status)
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
			_, _ = n.wait()
		}
	})
	return n.err
}

// wait returns the exit status of a helper that has ended, or should.
func (n *engineNetwork) wait() (int, error) {
	if status, known := n.Status(); known && n.helper.MayLeave() {
		return status, nil
	}
	type end struct {
		status int
		err    error
	}
	ended := make(chan end, 1)
	go func() {
		status, err := n.helper.Wait()
		ended <- end{status, err}
	}()
	const timeout = 10 * time.Second
	select {
	case e := <-ended:
		return e.status, e.err
	case <-time.After(timeout):
		return 0, errors.New("the engine does not say whether the helper has ended")
	}
}

// heldMessages is what a helper writes to standard error. It is held back until the helper serves: before that, it is
// why the helper does not.
type heldMessages struct {
	mu   sync.Mutex
	text bytes.Buffer
	to   io.Writer // nil while it is held back
}

func (m *heldMessages) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.to != nil {
		return m.to.Write(b)
	}
	return m.text.Write(b)
}

func (m *heldMessages) passTo(w io.Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.to = w
	_, _ = w.Write(m.text.Bytes())
	m.text.Reset()
}
