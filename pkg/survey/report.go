package survey

import (
	"slices"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// Named is a container as the engine and people know it.
type Named struct{ ID, Name, Image string }

// Row is a container, and what it shares.
type Row struct {
	Named
	PID        int
	Started    time.Time
	Bundle     string
	Namespaces [8]Namespace // by kind
	// Processes is how many have all its namespaces.
	Processes int
	// Guests are processes that came in from elsewhere, by number; MoreGuests is how many
	// there are that came later.
	Guests     []Guest
	MoreGuests int
}

// Namespace is one of a container's.
type Namespace struct {
	Kind  ns.Kind
	Inode uint64 // 0 for a kind that the kernel doesn't have
	// Host tells that it is the engine's own or the host's.
	Host bool
	// With are the other containers that have it, the oldest first; none where
	// it is the host's. The oldest of all is whose it was, since it had to run
	// for the others to join.
	With []*Row
	// Processes is how many have it.
	Processes int
}

// Guest is a process of the host or of another container that has namespaces of
// a container's own. What it starts there isn't listed.
type Guest struct {
	PID int
	// User is the name that Report was told for the effective uid on the host.
	User    string
	Started time.Time
	// Command is the command line or its beginning, if Cut is set, as the process has it:
	// it must be escaped where it is printed.
	Command string
	Cut     bool
	// Kinds are the namespaces that it has of the container's own.
	Kinds ns.Set
	// From is the container that it is of; nil for the host.
	From *Row
}

// Report says for each container that was found what it shares with whom. The
// rows are in the order of the names. user names a user of the host.
func Report(s *Survey, names []Named, user func(uid uint32) string) []*Row {
	v := newVisitors(s, names)
	r := reporter{Survey: s, rows: make([]*Row, len(v.containers))}
	for _, n := range names {
		if i, found := v.order[n.ID]; found {
			c := v.containers[i]
			r.rows[i] = &Row{Named: n, PID: c.First, Bundle: c.Bundle, Processes: s.Groups[c.Group].Count}
			if first := v.parents[c.First]; first != nil {
				r.rows[i].Started = r.time(first.Start)
			}
			r.fill(r.rows[i], c)
		}
	}
	for i, row := range r.rows {
		r.share(row)
		var list []*visit
		list, row.MoreGuests = listed(v.visits(v.containers[i]))
		for _, visit := range list {
			p := visit.process
			g := Guest{
				PID: p.PID, User: user(p.Origin.UID), Started: r.time(p.Start), Command: p.Origin.Command, Cut: p.Origin.Cut,
				Kinds: visit.kinds,
			}
			if visit.from != nil {
				g.From = r.rows[v.order[visit.from.ID]]
			}
			row.Guests = append(row.Guests, g)
		}
	}
	return r.rows
}

type reporter struct {
	*Survey
	rows []*Row
}

func (r *reporter) time(start uint64) time.Time {
	return time.UnixMilli(r.Boot + int64(start)*10).UTC()
}

// fill says whose the namespaces of a container are.
func (r *reporter) fill(row *Row, c *Container) {
	own := r.Own(c)
	for k, inode := range r.Groups[c.Group].Namespaces {
		n := Namespace{Kind: ns.Kind(k), Inode: inode, Host: !own.Has(ns.Kind(k))}
		for _, g := range r.Groups {
			if inode != 0 && g.Namespaces[k] == inode {
				n.Processes += g.Count
			}
		}
		row.Namespaces[k] = n
	}
}

// share finds whom a container shares its own namespaces with.
func (r *reporter) share(row *Row) {
	for k := range row.Namespaces {
		n := &row.Namespaces[k]
		if n.Host || n.Inode == 0 {
			continue
		}
		for _, other := range r.rows {
			if other != row && other.Namespaces[k].Inode == n.Inode {
				n.With = append(n.With, other)
			}
		}
		slices.SortStableFunc(n.With, func(a, b *Row) int { return a.Started.Compare(b.Started) })
	}
}

// String is who has the namespace: own, host, or =web,db for those that it is
// shared with.
func (n Namespace) String() string {
	switch {
	case n.Inode == 0:
		return "-"
	case n.Host:
		return "host"
	case len(n.With) == 0:
		return "own"
	}
	names := make([]string, len(n.With))
	for i, row := range n.With {
		names[i] = row.Name
	}
	return "=" + strings.Join(names, ",")
}

// Owner is the container whose namespace of kind k it was: the oldest that has
// it. It is nil for the host's.
func (row *Row) Owner(k ns.Kind) *Row {
	n := row.Namespaces[k]
	switch {
	case n.Host || n.Inode == 0:
		return nil
	case len(n.With) == 0 || !n.With[0].Started.Before(row.Started):
		return row
	}
	return n.With[0]
}

// Shares tells whether the container has a namespace of one of the kinds, or of
// any for none, that is shared with one of the containers given by ID, or with
// anyone for none. "" is the host: of what Docker leaves to the host by itself
// that says nothing unless the kind is named.
func (row *Row) Shares(kinds ns.Set, with map[string]bool) bool {
	for _, n := range row.Namespaces {
		named := kinds.Has(n.Kind)
		if kinds != 0 && !named || n.Inode == 0 {
			continue
		}
		if n.Host && (len(with) == 0 || with[""]) && (named || !byDefault.Has(n.Kind)) {
			return true
		}
		for _, other := range n.With {
			if len(with) == 0 || with[other.ID] {
				return true
			}
		}
	}
	return false
}

// byDefault are the kinds that Docker leaves to the host, cgroup on cgroup v1.
var byDefault = ns.SetOf(ns.Cgroup, ns.Time, ns.User)
