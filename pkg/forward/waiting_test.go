package forward_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets"
)

// counted counts how often a network is asked what listens there.
type counted struct {
	*network

	asked atomic.Int64
}

func (c *counted) Listening(ctx context.Context) ([]sockets.Listening, error) {
	c.asked.Add(1)
	return c.network.Listening(ctx)
}

// Many forwards whose ports nothing listens on cost as much as one.
func TestManyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const forwards, seconds, aSecond = 50, 5, 4
		var words []string
		for range forwards {
			words = append(words, "0:80")
		}
		n := &counted{network: newNetwork()}
		c := start(t, forward.Options{}, words...)
		c.source.next <- &network{inPlace: n}
		<-c.started
		synctest.Wait()
		before := n.asked.Load()
		time.Sleep(seconds * time.Second)
		synctest.Wait()
		if asked := n.asked.Load() - before; asked != seconds*aSecond {
			t.Errorf("asked %d times", asked)
		}
		c.cancel(errCancelled)
		_ = c.end()
	})
}
