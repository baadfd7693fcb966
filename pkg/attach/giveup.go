package attach

import (
	"bytes"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// beginTimeout is how long a terminating signal waits for a helper that does not read its frames yet.
const beginTimeout = 3 * time.Second

// wait waits until the helper has ended, or has reported its exit status and all output has come, or until the
// client gives up: the helper may be reading a file of the container on a mount that never answers.
func (c *Client) wait(h *engine.Helper) (int, error) {
	type end struct {
		status int
		err    error
	}
	ended := make(chan end, 1)
	go func() {
		status, err := h.Wait()
		ended <- end{status, err}
	}()
	var complete <-chan struct{}
	if h.MayLeave() {
		complete = c.received.Ended()
	}
	var e end
	select {
	case <-complete:
	case e = <-ended:
	case <-c.givenUp:
	}
	// Whichever was seen first: the helper's own word counts most, and what follows from giving it up not at all.
	if status, known := c.received.Status(); known && complete != nil {
		return status, nil
	}
	select {
	case <-c.givenUp:
		return 0, exit.Hint(ErrInterrupted,
			"the helper did not answer in time, and ends by itself; docker ps --filter id=%.12s shows whether it has ended", h.ID())
	default:
		return e.status, e.err
	}
}

// watchKeys looks for ctrl-c and ctrl-\ in what is typed, until the helper reads it.
func (c *Client) watchKeys(typed []byte) {
	if c.hasBegun() || !bytes.ContainsAny(typed, "\x03\x1c") {
		return
	}
	c.interrupt()
}

func (c *Client) interrupt() {
	select {
	case c.interrupted <- struct{}{}:
	default:
	}
}

// askToEnd is called when the command is to end. If the helper does not read its frames yet, the client
// gives it up after beginTimeout or at the next call, whichever comes first.
func (c *Client) askToEnd(h *engine.Helper, ended <-chan struct{}) (givenUp bool) {
	c.watchReaders.Do(func() { go c.leaveReader(h, ended) })
	switch {
	case c.hasBegun():
		return false
	case !c.endAsked:
		c.endAsked = true
		time.AfterFunc(beginTimeout, c.interrupt)
		return false
	}
	close(c.givenUp) // before the end that follows from it
	h.Close()
	return true
}

// hasBegun reports whether the helper reads its frames.
func (c *Client) hasBegun() bool {
	select {
	case <-c.begun:
		return true
	default:
		return false
	}
}
