package survey

import (
	"cmp"
	"slices"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// visit is a process in namespaces of a container that it does not belong to.
type visit struct {
	process *Process
	kinds   ns.Set
	from    *Container // the container it belongs to; nil for the host
}

// visitors finds the guests of containers. It does not use Row, which needs package time: the helper uses
// visitors too, and stays smaller.
type visitors struct {
	*Survey
	containers []*Container           // in the order of the names
	order      map[string]int         // index in containers, by ID
	parents    map[int]*Process       // all processes, by pid
	lineages   map[int]*lineage       // by pid
	by         map[place][]*Container // containers by the places that make a process theirs
	all        []visit                // processes with an Origin
}

// place is a group or a shim. A process belongs to a container if it is in the container's group or its
// parent is the container's shim.
type place struct{ group, shim int }

func newVisitors(s *Survey, names []Named) *visitors {
	r := &visitors{
		Survey: s, order: make(map[string]int), parents: make(map[int]*Process),
		lineages: make(map[int]*lineage), by: make(map[place][]*Container),
	}
	found := make(map[string]*Container)
	for i := range s.Containers {
		found[s.Containers[i].ID] = &s.Containers[i]
	}
	for i := range s.Processes {
		r.parents[s.Processes[i].PID] = &s.Processes[i]
	}
	for _, n := range names {
		if c := found[n.ID]; c != nil {
			r.order[n.ID] = len(r.containers)
			r.containers = append(r.containers, c)
			for _, at := range []place{{group: c.Group}, {shim: c.Shim}} {
				r.by[at] = append(r.by[at], c)
			}
		}
	}
	for i := range s.Processes {
		if p := &s.Processes[i]; p.Origin != nil {
			r.all = append(r.all, visit{process: p, from: r.home(p)})
		}
	}
	return r
}

// visits returns all guests of a container. It takes linear time in the number of processes, which
// a container controls.
func (r *visitors) visits(c *Container) []*visit {
	own := r.Own(c)
	shared := make([]ns.Set, len(r.Groups))
	for i := range r.Groups {
		shared[i] = r.Groups[i].Namespaces.Shared(&r.Groups[c.Group].Namespaces)
	}
	var list []*visit
	for _, v := range r.all {
		v.kinds = shared[v.process.Group] & own
		if v.kinds == 0 || r.belongs(v.process, c) {
			continue
		}
		switch v.from {
		case nil:
		case c:
			v.from = nil
		default:
			v.kinds &^= shared[v.from.Group] // shared by its own container: not a visit
		}
		if v.kinds != 0 {
			guest := v // the address of v would move every v to the heap
			list = append(list, &guest)
		}
	}
	return entries(list)
}

// home returns the container that a process belongs to, by all its namespaces, its cgroup or its
// ancestors; nil for the host.
func (r *visitors) home(p *Process) *Container {
	if same := r.by[place{group: p.Group}]; len(same) > 0 {
		return same[0]
	}
	if p.Origin.Cgroup != "" {
		if i, ok := r.order[p.Origin.Cgroup]; ok {
			return r.containers[i]
		}
		return nil
	}
	var last *Container
	for l := r.lineage(p); l != nil; l = l.above {
		if last == nil || r.order[l.of.ID] > r.order[last.ID] {
			last = l.of
		}
	}
	return last
}

// belongs reports whether a process in namespaces of c belongs to c, even if it has left some of c's
// namespaces: it descends from c's processes or execs, and its cgroup is c's if cgroups are known.
func (r *visitors) belongs(p *Process, c *Container) bool {
	if cgroup := p.Origin.Cgroup; cgroup != c.ID && (cgroup != "" || c.Cgroup == c.ID) {
		return false
	}
	return r.lineage(p).has(c)
}

// lineage is a linked list of the containers that a process descends from: an ancestor is in all
// of the container's namespaces or is its shim.
type lineage struct {
	of    *Container
	above *lineage
}

func (l *lineage) has(c *Container) bool {
	for ; l != nil; l = l.above {
		if l.of == c {
			return true
		}
	}
	return false
}

// with returns l with containers added.
func (l *lineage) with(containers []*Container) *lineage {
	for _, c := range containers {
		if !l.has(c) {
			l = &lineage{of: c, above: l}
		}
	}
	return l
}

// lineage returns the containers that p descends from. It walks up only to an ancestor whose lineage
// is known, since a container can build long chains of processes.
func (r *visitors) lineage(p *Process) *lineage {
	pid := p.PID
	var unknown []*Process
	for p != nil {
		if _, known := r.lineages[p.PID]; known {
			break
		}
		r.lineages[p.PID] = nil // for now: reused pids could form a cycle
		unknown = append(unknown, p)
		p = r.parents[p.Parent]
	}
	for _, p := range slices.Backward(unknown) {
		var l *lineage
		if parent := r.parents[p.Parent]; parent != nil {
			l = r.lineages[parent.PID].with(r.by[place{group: parent.Group}])
		}
		r.lineages[p.PID] = l.with(r.by[place{shim: p.Parent}])
	}
	return r.lineages[pid]
}

// entries returns the processes that entered by themselves. It drops children of a guest that are in no
// further namespaces, and processes whose child is in further ones, like nsenter, which waits for its
// command.
func entries(list []*visit) []*visit {
	kinds := make(map[int]ns.Set)
	for _, v := range list {
		kinds[v.process.PID] = v.kinds
	}
	waits := make(map[int]bool)
	for _, v := range list {
		if parent := v.process.Parent; v.kinds&^kinds[parent] != 0 {
			waits[parent] = true
		}
	}
	return slices.DeleteFunc(list, func(v *visit) bool {
		parent := v.process.Parent
		return waits[v.process.PID] || kinds[parent] != 0 && !waits[parent]
	})
}

// listed returns the oldest MaxGuests visits, the oldest first, and how many it leaves out.
func listed(list []*visit) ([]*visit, int) {
	slices.SortFunc(list, func(a, b *visit) int {
		return cmp.Or(cmp.Compare(a.process.Start, b.process.Start), cmp.Compare(a.process.PID, b.process.PID))
	})
	more := max(0, len(list)-MaxGuests)
	return list[:len(list)-more], more
}

// command returns the command line for output.
func (o *Origin) command() string { return shown(o.Command, o.Cut) }

func shown(command string, cut bool) string {
	if cut {
		return command + "…"
	}
	return command
}

// Reduce drops the processes that Report and UnownedNamespaces do not need. It keeps the first
// processes of containers, guests and, if unowned, the holders of namespaces of no container, and the
// ancestors of all these. It returns the pids that are printed, which alone need UID and Command, in the order of the
// survey.
func (s *Survey) Reduce(unowned bool) (printed []int) {
	names := make([]Named, len(s.Containers))
	for i, c := range s.Containers {
		names[i].ID = c.ID
	}
	r := newVisitors(s, names)
	guests := make(map[int]bool) // and holders
	listing := make(map[int]bool)
	for _, c := range r.containers {
		visits := r.visits(c)
		for _, v := range visits {
			guests[v.process.PID] = true
		}
		visits, _ = listed(visits)
		for _, v := range visits {
			listing[v.process.PID] = true
		}
	}
	if unowned {
		for _, p := range holders(s) {
			guests[p.PID] = true
			listing[p.PID] = true
		}
	}
	r.keep(guests)
	for _, p := range s.Processes {
		if listing[p.PID] {
			printed = append(printed, p.PID)
		}
	}
	return printed
}

// keep drops all processes except the first ones of containers, the guests, and the ancestors of both.
func (r *visitors) keep(guests map[int]bool) {
	keep := make(map[int]bool)
	with := func(pid int) {
		for p := r.parents[pid]; p != nil && !keep[p.PID]; p = r.parents[p.Parent] {
			keep[p.PID] = true
		}
	}
	for _, c := range r.containers {
		with(c.First)
	}
	for pid := range guests {
		with(pid)
	}
	kept := make([]Process, 0, len(keep))
	for _, p := range r.Processes {
		if !guests[p.PID] {
			p.Origin = nil
		}
		if keep[p.PID] {
			kept = append(kept, p)
		}
	}
	r.Processes = kept
}
