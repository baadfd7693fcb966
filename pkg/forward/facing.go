package forward

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
)

// FacingError says that two forwards would connect to each other: one connection would make others until a limit is reached.
type FacingError struct {
	Forward, Other string // as they are printed
	ID             string // of the other one, if that is one of another call
}

func (e *FacingError) Error() string {
	return fmt.Sprintf("%s and %s would lead to each other", e.Forward, e.Other)
}

// claims are the forwards of a call that listen or have listened, so that of two that face each other one is refused.
type claims struct {
	mu    sync.Mutex
	byID  map[string]*Status
	index index
}

// claim adds a forward, or replaces what it was. It returns the one that the forward faces, and then does not add it.
func (c *claims) claim(s *Status) (other *Status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(s.ID)
	if other := c.index.facing(s); other != nil {
		return other
	}
	if c.byID == nil {
		c.byID, c.index = make(map[string]*Status), make(index)
	}
	c.byID[s.ID] = s
	c.index.add(s)
	return nil
}

// release removes a forward that has ended.
func (c *claims) release(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(id)
}

// remove is release; c.mu is held.
func (c *claims) remove(id string) {
	if s := c.byID[id]; s != nil {
		delete(c.byID, id)
		c.index.remove(s)
	}
}

// index has forwards by where they listen: a new one is not compared with each of them.
type index map[location][]*Status

// location is where forwards of one direction and one container listen.
type location struct {
	container string // ID
	reverse   bool
	path      string
	port      netip.AddrPort // if path is ""
}

func newIndex(list []Status) index {
	i := make(index)
	for n := range list {
		i.add(&list[n])
	}
	return i
}

func (i index) add(s *Status) {
	for _, listens := range s.Listen {
		at := location{container: s.ContainerID, reverse: s.Reverse}.at(listens)
		i[at] = append(i[at], s)
	}
}

func (i index) remove(s *Status) {
	for _, listens := range s.Listen {
		at := location{container: s.ContainerID, reverse: s.Reverse}.at(listens)
		i[at] = slices.DeleteFunc(i[at], func(o *Status) bool { return o == s })
		if len(i[at]) == 0 {
			delete(i, at)
		}
	}
}

// facing returns a forward that s leads to, and that leads back to s; nil if there is none.
func (i index) facing(s *Status) *Status {
	for _, reaches := range s.Reaches {
		at := location{container: s.ContainerID, reverse: !s.Reverse}.at(reaches)
		for _, p := range []location{at, at.everywhere()} {
			if n := slices.IndexFunc(i[p], func(o *Status) bool { return s.leadsTo(o) && o.leadsTo(s) }); n >= 0 {
				return i[p][n]
			}
		}
	}
	return nil
}

// at returns the location of an address or a path.
func (p location) at(text string) location {
	var err error
	if p.port, err = netip.ParseAddrPort(text); err != nil {
		p.port, p.path = netip.AddrPort{}, text
	}
	return p
}

// everywhere returns the location of what listens on all addresses of the same family.
func (p location) everywhere() location {
	if p.path == "" {
		all := netip.IPv6Unspecified()
		if p.port.Addr().Is4() {
			all = netip.IPv4Unspecified()
		}
		p.port = netip.AddrPortFrom(all, p.port.Port())
	}
	return p
}
