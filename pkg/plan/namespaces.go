package plan

import (
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// namespaces decides for every kind whether it has to be joined or made. One that
// is the helper's own already is not joined: the kernel refuses that for user,
// and for pid it would cost a fork. A source that lacks a kind has ended.
func namespaces(r *request.Request, o *Observed) ([]Namespace, error) {
	var rows []Namespace
	for _, k := range ns.Kinds() {
		row := Namespace{Kind: k, Source: r.Source(k).String(), ID: o.Self.Namespaces[k], New: r.New(k)}
		if row.New && row.ID == (ns.ID{}) {
			return nil, fmt.Errorf("this kernel has no %s namespaces", k)
		}
		id, pid, err := o.origin(r, k)
		if err != nil {
			return nil, err
		}
		if id != row.ID {
			row.Join, row.PID, row.ID = true, pid, id
		}
		rows = append(rows, row)
	}
	copyMounts(rows, r, o)
	return rows, refuse(rows, r, o)
}

// origin is the namespace of kind k that is to be joined, or copied, and the
// process that has it, if it is one's.
func (o *Observed) origin(r *request.Request, k ns.Kind) (ns.ID, int, error) {
	if from, ok := o.Paths[k]; ok {
		if from.Kind != k {
			return ns.ID{}, 0, fmt.Errorf("%s of %s: it is a namespace of kind %s", k, r.Source(k), from.Kind)
		}
		return from.ID, 0, nil
	}
	from := o.source(r, k)
	id, ok := from.Namespaces[k]
	if !ok && o.Self.Namespaces[k] != (ns.ID{}) {
		return ns.ID{}, 0, fmt.Errorf("%s has no %s namespace: it has ended", r.Source(k).Quoted(), k)
	}
	return id, from.PID, nil
}

// source is the process that gives kind k. Of a file there is none: it is the
// helper where that is its own.
func (o *Observed) source(r *request.Request, k ns.Kind) Process {
	if _, ok := o.Paths[k]; ok || r.New(k) && !ns.Copied(k) {
		return o.Self
	}
	if from, ok := o.Overrides[k]; ok {
		return from
	}
	if r.Take.Has(k) {
		return o.Base
	}
	return o.host()
}

// host is the process that has the host's namespaces.
func (o *Observed) host() Process {
	if o.Host.Namespaces == nil {
		return o.Self
	}
	return o.Host
}

// foreign tells whether the command has another file system than the host's.
func (p *Plan) foreign(o *Observed) bool {
	return p.row(ns.Mnt).ID != o.host().Namespaces[ns.Mnt]
}

// refuse refuses what the kernel would, before anything is joined, and mounts
// whose owners mean others in the command's user namespace.
func refuse(rows []Namespace, r *request.Request, o *Observed) error {
	mounts := o.source(r, ns.Mnt)
	bound := NeedsTargetProcess(o.host(), mounts) && mounts.Namespaces[ns.User] != o.Self.Namespaces[ns.User]
	for _, n := range rows {
		switch {
		case n.Kind == ns.PID && n.Join && o.PIDUnreachable:
			return exit.Hint(fmt.Errorf("pid of %s: it is not beneath the caller's pid namespace", n.Source),
				"only a process outside of it can join it: run docker nsjoin on the engine's host")
		case n.Kind == ns.Mnt && n.Join && n.PID == 0:
			return exit.Hint(fmt.Errorf("mnt of %s: whose mounts they are decides who the command is, and a file has no owner", n.Source),
				"--mnt pid:N is a process that has them: lsns -t mnt")
		case n.Kind == ns.User && bound && (n.New || n.ID != mounts.Namespaces[ns.User]):
			return exit.Hint(fmt.Errorf("mnt of %s: it has a user namespace of its own, and its ids mean others elsewhere", r.Source(ns.Mnt).Quoted()),
				"take user from there too, or leave mnt out")
		}
	}
	return nil
}

// warnings are what may surprise.
func (p *Plan) warnings(r *request.Request, o *Observed) []string {
	var list []string
	// A command on the host would have it by the local way, and a shell without a command or a
	// terminal could do nothing else than read it.
	if o.InputWaits && !p.Input && (!p.foreign(o) && p.Remote || p.foreign(o) && len(r.Command) == 0) {
		list = append(list, "standard input is not passed on: -i does that")
	}
	pid, mnt, user := p.row(ns.PID), p.row(ns.Mnt), p.row(ns.User)
	if (pid.New || pid.ID != o.procShows(r)) && !p.ownProc(r, o) {
		text := fmt.Sprintf("/proc, and so ps, is that of the processes of %s", r.Source(ns.Mnt).Quoted())
		if !p.foreign(o) && !mnt.New && p.mayMountProc(o) {
			text += "; --mnt private mounts another"
		}
		list = append(list, text)
	}
	if !user.Join && !user.New {
		return list
	}
	var foreign ns.Set
	for _, n := range p.Namespaces {
		if n.ID != o.host().Namespaces[n.Kind] && !n.New && n.Kind != ns.User && (user.New || o.Owners[n.Kind] != user.ID) {
			foreign |= ns.SetOf(n.Kind)
		}
	}
	if foreign != 0 {
		list = append(list, fmt.Sprintf("no rights over %s, which another user namespace owns", foreign))
	}
	return list
}
