package forward

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/listen"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/reach"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
	"github.com/nsjoin/docker-nsjoin/pkg/pump"
)

// tunnel is one forward.
type tunnel struct {
	spec.Forward
	id      string
	owner   *container
	users   *listen.Users
	alive   context.Context // until the forward has ended
	end     context.CancelFunc
	settled atomic.Bool
	total   atomic.Int64
	now     atomic.Int64 // connections that are open
	bytes   pump.Counts
	share   *share // of the connections of the call

	mu       sync.Mutex
	state    Kind
	since    time.Time
	listen   []string // where it listens, or listened last, or will listen
	listened bool
	outside  bool // not on loopback addresses alone
	released bool // no set is to be kept any more
	// accepting is the set whose connections are accepted, or will be, suspended the one that keeps the addresses while none
	// are. At least one of them is nil.
	accepting, suspended *listen.Set
	problem              string // why the last connection could not be made, or ""
}

func newTunnel(c *container, f spec.Forward) (*tunnel, error) {
	const bytesOfID = 6
	id := make([]byte, bytesOfID)
	if _, err := rand.Read(id); err != nil {
		return nil, err
	}
	t := &tunnel{Forward: f, id: hex.EncodeToString(id), owner: c, users: c.session.users(), state: Waiting, since: time.Now()}
	if f.Listen.Network == spec.Unix {
		t.listen = []string{f.Listen.Path}
	} else {
		addresses, err := listen.Expand(f.Listen.Address, c.session.o.Addresses)
		if err != nil {
			return nil, err
		}
		for _, addr := range addresses {
			t.listen = append(t.listen, netip.AddrPortFrom(addr, f.Listen.Port).String())
		}
	}
	t.alive, t.end = context.WithCancel(context.Background())
	if f.Reverse {
		t.users.Any = true // the connections are the container's
	}
	return t, nil
}

// suspend stops accepting. The addresses stay this forward's until it has ended.
func (t *tunnel) suspend(set *listen.Set) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.accepting = nil
	if t.released || t.Reverse {
		set.Close()
		return
	}
	set.Suspend()
	t.suspended = set
}

// resume returns the set that was suspended, if that listens again, or nil.
func (t *tunnel) resume(ctx context.Context) *listen.Set {
	t.mu.Lock()
	defer t.mu.Unlock()
	set := t.suspended
	t.suspended = nil
	if set != nil && !set.Resume(ctx) {
		set.Close()
		return nil
	}
	t.accepting = set
	return set
}

// stop ends the forward. When it returns, the forward listens nowhere, and has no socket in a directory.
func (t *tunnel) stop() {
	t.end()
	t.owner.session.claims.release(t.id)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.released = true
	for _, set := range []*listen.Set{t.accepting, t.suspended} {
		if set != nil {
			set.Close()
		}
	}
	t.accepting, t.suspended = nil, nil
}

// settle notes once that the forward has started, or why not, and reports whether this was the time.
func (t *tunnel) settle(s *starting, err error) bool {
	first := t.settled.CompareAndSwap(false, true)
	if first {
		s.settle(err)
	}
	return first
}

// How often a container's port is looked at that nothing listens on.
const (
	lookOften  = 250 * time.Millisecond
	lookRarely = time.Second
	oftenFor   = 10 * time.Second
	silently   = time.Second // before that is said
)

// run forwards until ctx or the forward ends. connections counts what goes on after that: connections that may pass on
// their last bytes until over.
func (t *tunnel) run(ctx, over context.Context, n *reach.Network, inNetwork *share, starting *starting, connections *sync.WaitGroup) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.alive, cancel)()
	o := &t.owner.session.o
	l := &life{tunnel: t, network: n, ctx: ctx, pump: pump.New(), inNetwork: inNetwork}
	l.pump.Pipes = t.owner.session.files.pipes
	l.pump.Report, l.pump.Counts = l.limited, &t.bytes
	defer connections.Go(func() { l.finish(over) })
	if o.Wait && !t.Reverse && !t.Proxy && t.isNew() {
		if err := l.waitForStart(); err != nil {
			t.settle(starting, fmt.Errorf("connect to %s: %w", t.status().Target, reach.Cause(err)))
			return
		}
	}
	for failing := false; ctx.Err() == nil && t.alive.Err() == nil; { // ctx ends a little later
		set, err := l.listen()
		switch {
		case err == nil:
			failing = false
			l.use(set, starting)
		case ctx.Err() != nil, t.settle(starting, &ListenError{t.Forward, t.owner.Name, err}): // which ends everything
			return
		default:
			t.closed(Failing)
			if !failing {
				e := t.event(Failing)
				e.Error = err.Error()
				t.owner.session.tell(e)
			}
			failing = true
			l.pause(lookRarely)
		}
	}
}

// waitForStart waits until the target takes connections, or the forward ends. An error is one that lasts. Others are reported,
// unless they only say that nothing listens yet.
func (l *life) waitForStart() (failed error) {
	if note := l.owner.session.o.Note; note != nil {
		target := l.status().Target
		timer := time.AfterFunc(silently, func() { note(fmt.Sprintf("waiting until %s takes connections; Ctrl-C ends it", target)) })
		defer timer.Stop()
	}
	l.waitForTarget(0, func(ctx context.Context, target spec.Target, since time.Time) bool {
		ctx, cancel := context.WithTimeout(ctx, dialFor)
		defer cancel()
		answers, err := l.network.Answers(ctx, target, since)
		if err == nil || reach.IsUsual(err) || l.isOver() {
			return answers
		}
		if !reach.MayComeLater(err) {
			failed = err
			return true
		}
		l.unreachable(err)
		return false
	})
	return failed
}

// use serves the connections of set as long as the container listens on the target. If it does not, use suspends set and
// waits.
func (l *life) use(set *listen.Set, starting *starting) {
	l.opened(set)
	if listens, known := l.listens(); listens || !known {
		l.change(Ready)
		l.settle(starting, nil)
		l.accept(set)
		return
	}
	l.suspend(set)
	l.closed(Waiting)
	answers := func(ctx context.Context, target spec.Target, since time.Time) bool {
		listens, known := l.network.Listens(ctx, target, since)
		return listens || !known
	}
	// A program that restarts listens soon; at the start the user should know at once, before the call goes into the
	// background.
	if l.settled.Load() && l.waitForTarget(silently, answers) || l.ctx.Err() != nil {
		return
	}
	l.change(Waiting)
	l.settle(starting, nil)
	l.waitForTarget(0, answers)
}

// isNew reports whether the forward has never listened.
func (t *tunnel) isNew() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.listened
}

// opened notes where the forward listens. A free port stays the same from now on.
func (t *tunnel) opened(set *listen.Set) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.released { // meanwhile
		set.Close()
	} else {
		t.accepting = set
	}
	t.listened, t.outside = true, set.Open
	if t.Listen.Network == spec.Unix {
		t.listen = []string{t.Listen.Path}
		return
	}
	t.listen, t.Listen.Port = set.Addresses(), set.Port
}

// closed notes why the forward is closed.
func (t *tunnel) closed(state Kind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state = state
}

// change notes and reports a state.
func (t *tunnel) change(state Kind) {
	t.mu.Lock()
	t.state = state
	t.mu.Unlock()
	t.owner.session.tell(t.event(state))
}
