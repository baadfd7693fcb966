// Package forward forwards ports and UNIX sockets of running containers, in both directions, for as long as it is asked
// to: across restarts of the container, and while nothing listens on a port.
package forward

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/reach"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
)

// Kind says what happened.
type Kind string

// The kinds of events.
const (
	Ready      Kind = "ready"      // the forward listens
	Waiting    Kind = "waiting"    // the forward is closed: nothing listens on the container's port
	Failing    Kind = "failing"    // the forward cannot listen; it tries again
	Connection Kind = "connection" // a connection has ended, or was not made
	// Unreachable means that the target could not be connected to, for another reason than before.
	Unreachable Kind = "unreachable"
	Refused     Kind = "refused"  // a user's connections are refused
	Limited     Kind = "limited"  // a limit of the system is reached
	Stopped     Kind = "stopped"  // the container has stopped: all its forwards are closed
	Running     Kind = "running"  // the container runs again
	Removed     Kind = "removed"  // the container was removed: its forwards have ended
	Lost        Kind = "lost"     // the way to the container is lost: all its forwards are closed while it is tried again
	Reached     Kind = "reached"  // it was found again
	Attacked    Kind = "attacked" // a process in the container has tried to attack: its forwards have ended
	Ended       Kind = "ended"    // docker nsjoin forward rm has ended the forward
)

// Event is something that happened. Fields that do not belong to its kind are empty.
type Event struct {
	Event       Kind     `json:"Event"`
	ID          string   `json:"ID,omitempty"` // of the forward
	Container   string   `json:"Container"`    // as it was typed
	ContainerID string   `json:"ContainerID,omitempty"`
	Listen      []string `json:"Listen,omitempty"`
	Target      string   `json:"Target,omitempty"`
	Network     string   `json:"Network,omitempty"` // tcp, udp or unix
	Reverse     bool     `json:"Reverse,omitempty"`
	Proxy       bool     `json:"Proxy,omitempty"`
	// Open says that it does not listen on loopback addresses alone: other machines reach it or, with Reverse, other
	// containers.
	Open bool `json:"Open,omitempty"`

	Peer     string  `json:"Peer,omitempty"`
	Seconds  float64 `json:"Seconds,omitempty"`
	Sent     int64   `json:"Sent"` // bytes from the one who connected
	Received int64   `json:"Received"`
	Error    string  `json:"Error,omitempty"`
}

// Status is a forward as docker nsjoin forward ls shows it.
type Status struct {
	ID        string `json:"id"`
	Container string `json:"container"` // as it was typed
	// ContainerID and ContainerName are the engine's, "" before the container was found. The name is that of its last start.
	ContainerID   string    `json:"containerID"`
	ContainerName string    `json:"containerName,omitempty"`
	Listen        []string  `json:"listen"`
	Target        string    `json:"target"`
	Network       string    `json:"network"`
	Reverse       bool      `json:"reverse,omitempty"`
	Proxy         bool      `json:"proxy,omitempty"`
	State         Kind      `json:"state"`
	Since         time.Time `json:"since"`
	Open          int64     `json:"open"`  // connections
	Total         int64     `json:"total"` // connections so far
	Sent          int64     `json:"sent"`
	Received      int64     `json:"received"`
	// Reaches is where the target is on its side, if that is the container or this machine itself.
	Reaches []string `json:"reaches,omitempty"`
}

// Named returns the status with the container's name where its ID was typed, or the beginning of that.
func (s Status) Named() Status {
	if s.ContainerName == "" || s.Container == s.ContainerName || !strings.HasPrefix(s.ContainerID, s.Container) {
		return s
	}
	if rest, ok := strings.CutPrefix(s.Target, s.Container); ok && !s.Reverse {
		s.Target = s.ContainerName + rest
	}
	s.Container = s.ContainerName
	return s
}

// Text returns a forward as it is printed: where it listens, and where it leads.
func (s *Status) Text() string {
	return Text(s.Container, s.Listen, s.Target, s.Reverse, s.Proxy)
}

// Text returns a forward as it is printed.
func (e *Event) Text() string { return Text(e.Container, e.Listen, e.Target, e.Reverse, e.Proxy) }

// targetOf returns a target as it is printed.
func targetOf(f spec.Forward, container string) string {
	switch {
	case f.Proxy:
		return container
	case !f.Reverse:
		return f.Target.String(container)
	case f.Target.Network == spec.Unix:
		return f.Target.Path
	case f.Target.Host == "":
		f.Target.Host = "localhost"
	}
	return f.Target.Dial()
}

// Where returns where a forward listens, as it is printed.
func (e *Event) Where() string {
	where, _, _ := strings.Cut(e.Text(), " -> ")
	return where
}

// Text returns a forward as it is printed: 127.0.0.1:8080 -> web:80. The two loopback addresses with one port are
// printed as the first of them.
func Text(container string, listen []string, target string, reverse, proxy bool) string {
	shown := shorten(listen)
	if reverse {
		for i := range shown {
			shown[i] = container + ":" + shown[i]
		}
	}
	text := strings.Join(shown, ", ") + " -> " + target
	if proxy {
		text += " (SOCKS5)"
	}
	return text
}

// shorten omits [::1]:N after 127.0.0.1:N.
func shorten(listen []string) []string {
	var shown []string
	for _, address := range listen {
		at, err := netip.ParseAddrPort(address)
		if err == nil && at.Addr() == netip.IPv6Loopback() {
			both := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()).String()
			if slices.Contains(listen, both) {
				continue
			}
		}
		shown = append(shown, address)
	}
	return shown
}

// event returns an event of the forward.
func (t *tunnel) event(kind Kind) Event {
	s := t.status()
	t.mu.Lock()
	defer t.mu.Unlock()
	return Event{
		Event: kind, ID: t.id, Container: s.Container, ContainerID: s.ContainerID, Listen: s.Listen, Target: s.Target,
		Network: s.Network, Reverse: s.Reverse, Proxy: s.Proxy, Open: t.outside,
	}
}

func (t *tunnel) status() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	id, name := t.owner.names()
	return Status{
		ID: t.id, Container: t.owner.Name, ContainerID: id, ContainerName: name, Listen: slices.Clone(t.listen), Target: targetOf(t.Forward, t.owner.Name),
		Network: string(t.Listen.Network), Reverse: t.Reverse, Proxy: t.Proxy, State: t.state, Since: t.since,
		Open: t.now.Load(), Total: t.total.Load(), Sent: t.bytes.Sent.Load(), Received: t.bytes.Received.Load(),
		Reaches: t.reaches(),
	}
}

// unreachable reports why a connection could not be made, if that is new. nil means that one was made.
func (t *tunnel) unreachable(err error) {
	problem := ""
	if err != nil && t.atLimit(err) {
		return
	}
	if err != nil {
		problem = reach.Cause(err).Error()
	}
	t.mu.Lock()
	isNew := problem != "" && t.problem == "" && !t.Proxy
	t.problem = problem
	t.mu.Unlock()
	if isNew {
		e := t.event(Unreachable)
		e.Error = problem
		t.owner.session.tell(e)
	}
}

// ended reports a connection that has ended.
func (t *tunnel) ended(peer net.Addr, began time.Time, sent, received int64, err error) {
	if t.owner.session.o.Quiet {
		return
	}
	e := t.event(Connection)
	e.Sent, e.Received, e.Seconds = sent, received, time.Since(began).Seconds()
	if peer != nil {
		e.Peer = peer.String()
	}
	switch {
	case errors.Is(err, net.ErrClosed):
		e.Error = "closed with its forward"
	case err != nil:
		e.Error = reach.Cause(err).Error()
	}
	t.owner.session.tell(e)
}
