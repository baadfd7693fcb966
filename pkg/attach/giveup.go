package attach

import (
	"bytes"
	"errors"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// beginTimeout is how long a signal to end waits for a helper that does not read its frames yet.
const beginTimeout = 3 * time.Second

// wait waits for the helper's end, or until the client gives the helper up: what it reads of the
// container may be on a mount that never answers.
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
	select {
	case e := <-ended:
		return e.status, e.err
	case <-c.givenUp:
		return 0, exit.Hint(errors.New("interrupted before the command ran"),
			"its helper did not answer and is left to end by itself: docker ps --filter id=%.12s", h.ID())
	}
}

// seesKeys looks for ctrl-c and ctrl-\ in what is typed until the helper does.
func (c *Client) seesKeys(typed []byte) {
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

// askToEnd is called when the command is to end. A helper that does not read its frames by then has
// beginTimeout, or until the next call, and is given up then.
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
	h.Close()
	close(c.givenUp)
	return true
}

// hasBegun tells whether the helper reads its frames.
func (c *Client) hasBegun() bool {
	select {
	case <-c.begun:
		return true
	default:
		return false
	}
}
