package attach

import (
	"bytes"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// wait waits until the helper has ended, or has reported its exit status and all output has come, or until the
// client gives up: the helper may be reading a file of the container on a mount that never answers.
func (c *Client) wait(h Helper) (int, error) {
	e := c.received.AwaitEnd(h, c.givenUp)
	select {
	case <-c.givenUp: // what follows from that does not count
	default:
		return e.Status, e.Err
	}
	if e.Reported {
		return e.Status, nil
	}
	if left := h.Left(); left != "" {
		return 0, exit.Hint(ErrInterrupted, "%s", left)
	}
	return 0, ErrInterrupted
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
// gives it up after its patience or at the next call, whichever comes first.
func (c *Client) askToEnd(h Helper, ended <-chan struct{}) (givenUp bool) {
	c.watchReaders.Do(func() { go c.leaveReader(h, ended) })
	switch {
	case c.hasBegun():
		return false
	case !c.endAsked:
		c.endAsked = true
		time.AfterFunc(h.Patience(), c.interrupt)
		return false
	}
	close(c.givenUp) // before the end that follows from it
	h.GiveUp()
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
