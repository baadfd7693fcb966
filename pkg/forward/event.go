// Package forward forwards ports and UNIX sockets of running containers, in both directions, for as long as it is asked
// to: across restarts of the container, and while nothing listens on a port.
package forward

import (
	"strings"
	"time"

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
	ID          string    `json:"id"`
	Container   string    `json:"container"`
	ContainerID string    `json:"containerID"`
	Listen      []string  `json:"listen"`
	Target      string    `json:"target"`
	Network     string    `json:"network"`
	Reverse     bool      `json:"reverse,omitempty"`
	Proxy       bool      `json:"proxy,omitempty"`
	State       Kind      `json:"state"`
	Since       time.Time `json:"since"`
	Open        int64     `json:"open"`  // connections
	Total       int64     `json:"total"` // connections so far
	Sent        int64     `json:"sent"`
	Received    int64     `json:"received"`
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
