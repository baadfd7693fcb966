package survey

import (
	"fmt"
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
	// Guests are those who came in from elsewhere, by number.
	Guests []Guest
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
	Command string
	// Kinds are the namespaces that it has of the container's own.
	Kinds ns.Set
	// From is the container that it is of; nil for the host.
	From *Row
}

// Report says for each container that was found what it shares with whom. The
// rows are in the order of the names. user names a user of the host.
func Report(s *Survey, names []Named, user func(uid uint32) string) []*Row {
	r := reporter{Survey: s, user: user, containers: make(map[string]*Container), parents: make(map[int]*Process)}
	for i := range s.Containers {
		r.containers[s.Containers[i].ID] = &s.Containers[i]
	}
	for i := range s.Processes {
		r.parents[s.Processes[i].PID] = &s.Processes[i]
	}
	for _, n := range names {
		if c := r.containers[n.ID]; c != nil {
			r.rows = append(r.rows, r.row(n, c))
		}
	}
	for _, row := range r.rows {
		r.share(row)
	}
	for i := range s.Processes {
		if s.Processes[i].Origin != nil {
			r.visit(&s.Processes[i])
		}
	}
	for _, row := range r.rows {
		row.Guests = r.heads(row.Guests)
	}
	return r.rows
}

type reporter struct {
	*Survey
	user       func(uid uint32) string
	rows       []*Row
	containers map[string]*Container
	parents    map[int]*Process // all processes, by number
}

func (r *reporter) time(start uint64) time.Time {
	return time.UnixMilli(r.Boot + int64(start)*10).UTC()
}

func (r *reporter) row(n Named, c *Container) *Row {
	row := &Row{Named: n, PID: c.First, Bundle: c.Bundle, Processes: r.Groups[c.Group].Count}
	if first := r.parents[c.First]; first != nil {
		row.Started = r.time(first.Start)
	}
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
	return row
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

// visit adds a process, whose parent is elsewhere, to the guests of each container
// that it isn't a process of.
func (r *reporter) visit(p *Process) {
	home := r.home(p)
	for _, row := range r.rows {
		c := r.containers[row.ID]
		kinds := r.Groups[p.Group].Namespaces.Shared(&r.Groups[c.Group].Namespaces) & r.Own(c)
		if kinds == 0 || r.belongs(p, c) {
			continue
		}
		g := Guest{PID: p.PID, User: r.user(p.Origin.uid()), Started: r.time(p.Start), Command: p.Origin.command(), Kinds: kinds}
		if home != nil && home.ID != row.ID {
			// What its container shares it has by right.
			g.Kinds &^= r.Groups[r.containers[home.ID].Group].Namespaces.Shared(&r.Groups[c.Group].Namespaces)
			g.From = home
		}
		if g.Kinds != 0 {
			row.Guests = append(row.Guests, g)
		}
	}
}

// home is the container that a process is of: all its namespaces, its cgroup, or
// its ancestors are. nil is the host.
func (r *reporter) home(p *Process) *Row {
	cgroup := r.cgroupOf(p.Origin.Cgroup)
	var ancestor *Row
	for _, row := range r.rows {
		c := r.containers[row.ID]
		if p.Group == c.Group || cgroup == row.ID {
			return row
		}
		if r.descends(p, c) {
			ancestor = row
		}
	}
	if cgroup != "" {
		return nil
	}
	return ancestor
}

// belongs tells whether a process that has namespaces of a container's is one of
// its own, which may have left others: it descends from one, or from an exec, and
// is in the container's cgroup if that says anything.
func (r *reporter) belongs(p *Process, c *Container) bool {
	cgroup := r.cgroupOf(p.Origin.Cgroup)
	if cgroup != c.ID && (cgroup != "" || r.cgroupOf(c.Cgroup) == c.ID) {
		return false
	}
	return r.descends(p, c)
}

// descends tells whether an ancestor of p has all of the container's namespaces
// or is its shim.
func (r *reporter) descends(p *Process, c *Container) bool {
	for range len(r.Processes) { // numbers that were used again could make a ring
		if p.Parent == c.Shim {
			return true
		}
		if p = r.parents[p.Parent]; p == nil {
			return false
		}
		if p.Group == c.Group {
			return true
		}
	}
	return false
}

// cgroupOf is the container, of those that were found, which the text of a
// /proc/PID/cgroup names last.
func (r *reporter) cgroupOf(text string) string {
	id := ""
	for word := range strings.FieldsFuncSeq(text, func(c rune) bool { return !strings.ContainsRune("0123456789abcdef", c) }) {
		if r.containers[word] != nil {
			id = word
		}
	}
	return id
}

// heads leaves those who came in themselves: not who was started by another guest
// and has no more than that one, and not who only waits for one that has more, as
// nsenter does for its command.
func (r *reporter) heads(guests []Guest) []Guest {
	kinds := make(map[int]ns.Set)
	for _, g := range guests {
		kinds[g.PID] = g.Kinds
	}
	waits := make(map[int]bool)
	for _, g := range guests {
		if parent := r.parents[g.PID].Parent; g.Kinds&^kinds[parent] != 0 {
			waits[parent] = true
		}
	}
	return slices.DeleteFunc(guests, func(g Guest) bool {
		parent := r.parents[g.PID].Parent
		return waits[g.PID] || kinds[parent] != 0 && !waits[parent]
	})
}

func (o *Origin) uid() uint32 {
	var uid, effective uint32
	if _, rest, ok := strings.Cut(o.Status, "\nUid:"); ok {
		_, _ = fmt.Sscan(rest, &uid, &effective)
	}
	return effective
}

// command is the command line, or the name in brackets as ps has it, of a process
// without one.
func (o *Origin) command() string {
	if words := strings.TrimRight(o.Cmdline, "\x00"); words != "" {
		return printable(strings.ReplaceAll(words, "\x00", " "))
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(o.Status, "Name:\t"), "\n")
	return printable("[" + name + "]")
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
