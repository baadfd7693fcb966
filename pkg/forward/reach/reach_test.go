package reach_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/reach"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/client"
)

// network is a container's network whose connections lead nowhere.
type network struct {
	client.Network

	listed atomic.Int64 // calls of Listening
	silent string       // an address that does not answer
	names  sockets.Names
}

func (n *network) Listening(context.Context) ([]sockets.Listening, error) {
	n.listed.Add(1)
	return []sockets.Listening{{Network: "udp", Address: netip.MustParseAddrPort("10.0.0.7:53")}}, nil
}

func (n *network) Names(context.Context) (sockets.Names, error) { return n.names, nil }

func (n *network) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	if address == n.silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &conn{to: address}, nil
}

type conn struct {
	net.Conn

	to string
}

func (c *conn) Close() error { return nil }

// listing is a network that lists sockets, and can do nothing else.
type listing struct {
	client.Network
	list []sockets.Listening
}

func (l *listing) Listening(context.Context) ([]sockets.Listening, error) { return l.list, nil }

// Many senders do not ask many times where a port receives.
func TestManySendersOfUDP(t *testing.T) {
	n := &network{}
	r := reach.New(n)
	const senders = 2000
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			got, err := r.Connect(t.Context(), spec.Target{Network: spec.UDP, Port: 53})
			if err != nil || got.(*conn).to != "10.0.0.7:53" {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	all.Wait()
	if listed := n.listed.Load(); listed > senders/10 {
		t.Errorf("asked %d times", listed)
	}
}

// An address of a host that does not answer leaves time for the next one.
func TestAddressThatDoesNotAnswer(t *testing.T) { synctest.Test(t, testAddressThatDoesNotAnswer) }

func testAddressThatDoesNotAnswer(t *testing.T) {
	n := &network{silent: "10.0.0.7:80", names: sockets.Names{Hosts: []byte("10.0.0.7 db\n10.0.0.8 db\n")}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	got, err := reach.New(n).Connect(ctx, spec.Target{Network: spec.TCP, Host: "db", Port: 80})
	if err != nil || got.(*conn).to != "10.0.0.8:80" {
		t.Errorf("%v, %v", got, err)
	}
	n.silent = "10.0.0.8:80"
	if got, err := reach.New(n).Connect(ctx, spec.Target{Network: spec.TCP, Host: "db", Port: 80}); err != nil || got.(*conn).to != "10.0.0.7:80" {
		t.Errorf("%v, %v", got, err)
	}
	cancel()
	if _, err := reach.New(n).Connect(ctx, spec.Target{Network: spec.TCP, Host: "10.0.0.8", Port: 80}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// In a list that is full, a port may be missing that listens.
func TestListThatIsFull(t *testing.T) {
	for _, missing := range []int{1, 0} {
		l := &listing{}
		for i := range sockets.Max - missing {
			l.list = append(l.list, sockets.Listening{Network: "tcp", Address: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(i+1))})
		}
		r := reach.New(l)
		if listens, known := r.Listens(t.Context(), spec.Target{Network: spec.TCP, Port: 5000}, time.Time{}); listens || known != (missing > 0) {
			t.Errorf("%d missing: %t, %t", missing, listens, known)
		}
		if listens, known := r.Listens(t.Context(), spec.Target{Network: spec.TCP, Port: 1}, time.Time{}); !listens || !known {
			t.Errorf("%d missing: one of the list is not found", missing)
		}
	}
}
