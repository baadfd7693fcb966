package forward

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/reach"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/client"
)

// container is a container whose forwards run.
type container struct {
	Container
	session *Session
	tunnels []*tunnel
	began   time.Time

	mu       sync.Mutex
	id, name string // of the container that runs, or ran last, as the engine has them
}

const (
	// lastBytes is how long connections of a container that has stopped may take to pass on what it had sent.
	lastBytes = 2 * time.Second
	// leastLife is the least time between two attempts to reach a container.
	leastLife = time.Second
)

// run forwards until ctx ends, all forwards of the container have ended, or the container has ended for good.
func (c *container) run(ctx context.Context, starting *starting) (failed error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, t := range c.tunnels {
		defer context.AfterFunc(t.alive, func() { t.settle(starting, nil) })()
	}
	go func() {
		for _, t := range c.tunnels {
			<-t.alive.Done()
		}
		cancel()
	}()
	defer func() {
		for _, t := range c.tunnels {
			t.settle(starting, failed) // if it has not started by now, it never will
			t.stop()
		}
	}()
	var closing sync.WaitGroup
	defer closing.Wait()
	for again := Kind(""); ; { // again is what to report if the container is found again
		began := time.Now()
		found, err := c.open(ctx)
		if errors.Is(err, ErrStopped) {
			c.close(Stopped, nil)
			return nil
		}
		if err != nil || ctx.Err() != nil {
			return err
		}
		if again != "" {
			c.tell(again, nil)
		}
		c.serve(ctx, reach.New(found.Network), starting, &closing)
		if ctx.Err() != nil {
			return nil
		}
		why := found.Network.Err()
		_, attacked := errors.AsType[*client.RefusedError](why)
		switch {
		case attacked:
			c.close(Attacked, why)
			return &AttackError{why}
		case why != nil:
			c.close(Lost, why)
			again = Reached
		case c.session.o.UntilStop:
			c.close(Stopped, nil)
			return nil
		default:
			c.close(Stopped, nil)
			again = Running
		}
		select {
		case <-time.After(time.Until(began.Add(leastLife))):
		case <-ctx.Done():
		}
	}
}

// open opens the container's network. If ctx has ended, neither that nor an error is returned.
func (c *container) open(ctx context.Context) (Found, error) {
	found, err := c.Source.Open(ctx)
	switch {
	case ctx.Err() != nil:
		if err == nil {
			_ = found.Network.Close()
		}
		return Found{}, nil
	case errors.Is(err, ErrRemoved):
		c.tell(Removed, nil)
	case err == nil:
		c.setFound(found)
	}
	return found, err
}

// close notes and reports why all forwards are closed.
func (c *container) close(state Kind, why error) {
	for _, t := range c.tunnels {
		t.closed(state)
	}
	c.tell(state, why)
}

// serve runs the forwards until ctx ends or the network is gone. Connections that are left end soon after it, which
// closing waits for.
func (c *container) serve(ctx context.Context, n *reach.Network, starting *starting, closing *sync.WaitGroup) {
	life, end := context.WithCancel(ctx)
	defer end()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-n.Gone():
			end()
		case <-stop:
		}
	}()
	var serving, connections sync.WaitGroup
	room := roomOf(n, len(c.tunnels))
	for _, t := range c.tunnels {
		if t.alive.Err() == nil {
			serving.Go(func() { t.run(life, ctx, n, room.share(), starting, &connections) })
		}
	}
	serving.Wait()
	<-life.Done() // all forwards have ended otherwise
	closing.Go(func() {
		connections.Wait()
		n.Close()
	})
}

func (c *container) setFound(found Found) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.id, c.name = found.ID, found.Name
}

// names returns the container's ID and name as the engine has them, "" before it was found.
func (c *container) names() (id, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.id, c.name
}

func (c *container) tell(kind Kind, why error) {
	id, _ := c.names()
	e := Event{Event: kind, Container: c.Name, ContainerID: id}
	if why != nil {
		e.Error = why.Error()
	}
	c.session.tell(e)
}

// nextLook returns when a forward looks again at the container's ports that does so every lookOften or lookRarely. All forwards of
// the container look at these moments: the first one's answer is that of all.
func (c *container) nextLook(every time.Duration) time.Time {
	return c.began.Add(time.Since(c.began).Truncate(every) + every)
}
