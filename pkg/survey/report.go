package survey

import (
	"slices"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// Named is a container with the names that the engine knows.
type Named struct{ ID, Name, Image string }

// Row is a container with its namespaces and guests.
type Row struct {
	Named
	PID        int
	Started    time.Time
	Bundle     string
	Namespaces [8]Namespace // by kind
	// Processes is the number of processes in all its namespaces.
	Processes int
	// Guests are the processes that entered from outside, by pid. MoreGuests is the number of
	// later ones that are not listed.
	Guests     []Guest
	MoreGuests int
	// Mounts are those that docker nsjoin mount has made in it.
	Mounts []Mount
}

// Namespace is a namespace of a container.
type Namespace struct {
	Kind  ns.Kind
	Inode uint64 // 0 for a kind that the kernel lacks
	// Host means that it is the host's or the engine's.
	Host bool
	// With are the other containers in it, oldest first; none if Host. The oldest of all
	// containers in it is its owner: it had to be running before the others could join.
	With []*Row
	// Processes is the number of processes in it.
	Processes int
}

// Guest is a process of the host or of another container that is in namespaces of a container. Its
// children are not listed.
type Guest struct {
	PID int
	// User is the name of its effective uid on the host.
	User    string
	Started time.Time
	// Command is its command line; only the beginning if Cut is set. It is not escaped for
	// printing.
	Command string
	Cut     bool
	// Kinds are the container's namespaces that it is in.
	Kinds ns.Set
	// From is the container that it belongs to; nil for the host.
	From *Row
}

// Report returns a row for each container that was found, in the order of names. user returns the
// name of a user of the host.
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

// fill sets the namespaces of a row.
func (r *reporter) fill(row *Row, c *Container) {
	row.Mounts = c.Mounts
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

// share sets With in the namespaces of a row.
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

// String returns "own", "host", or "=web,db" with the containers that share the namespace.
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

// Owner returns the oldest container in the row's namespace of kind k; nil if that is the host's.
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

// Shares reports whether the container shares a namespace with one of the containers whose IDs are
// in with, "" being the host; with any, if with is empty. If kinds is not empty, only they count.
// Otherwise kinds that Docker shares with the host by default do not count for the host.
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

// byDefault are the kinds that Docker shares with the host by default; cgroup only on cgroup v1.
var byDefault = ns.SetOf(ns.Cgroup, ns.Time, ns.User)
