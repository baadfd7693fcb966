package plan

import (
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// namespaces decides for every kind whether its namespace is joined or made. A namespace that
// the helper is already in is not joined: the kernel refuses that for user, and for pid it would
// cost a fork. If a source lacks a namespace of a kind, its process has ended.
func namespaces(r *request.Request, o *Observed) ([]Namespace, error) {
	var rows []Namespace
	for _, k := range ns.Kinds() {
		row := Namespace{Kind: k, Source: r.Source(k).String(), ID: o.Self.Namespaces[k], New: r.New(k) || k == ns.Mnt && r.View != nil}
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

// origin returns the namespace of kind k to join or copy, and the process that it is
// taken from; 0 if it is taken from a file.
func (o *Observed) origin(r *request.Request, k ns.Kind) (ns.ID, int, error) {
	if from, ok := o.Paths[k]; ok {
		if from.Kind != k {
			return ns.ID{}, 0, fmt.Errorf("%s of %s: the file is a namespace of kind %s", k, r.Source(k), from.Kind)
		}
		return from.ID, 0, nil
	}
	from := o.source(r, k)
	id, ok := from.Namespaces[k]
	if !ok && o.Self.Namespaces[k] != (ns.ID{}) {
		return ns.ID{}, 0, fmt.Errorf("%s has no %s namespace: the process has ended", r.Source(k).Quoted(), k)
	}
	return id, from.PID, nil
}

// source returns the process that the namespace of kind k is taken from: the helper, if it
// is taken from a file or a new one begins empty.
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

// host returns the process that has the host's namespaces.
func (o *Observed) host() Process {
	if o.Host.Namespaces == nil {
		return o.Self
	}
	return o.Host
}

// foreign reports whether the command runs in a mount namespace other than the host's.
func (p *Plan) foreign(o *Observed) bool {
	return p.row(ns.Mnt).ID != o.host().Namespaces[ns.Mnt]
}

// refuse returns an error, before anything is joined, for what the kernel would refuse, and for mounts
// whose files would belong to other users in the command's user namespace.
func refuse(rows []Namespace, r *request.Request, o *Observed) error {
	mounts := o.source(r, ns.Mnt)
	ownUsers := NeedsTargetProcess(o.host(), mounts) && mounts.Namespaces[ns.User] != o.Self.Namespaces[ns.User]
	for _, n := range rows {
		switch {
		case n.Kind == ns.PID && n.Join && o.PIDUnreachable:
			return exit.Hint(fmt.Errorf("pid of %s: not a descendant of the caller's pid namespace", n.Source),
				"run docker nsjoin outside of any container, on the engine's host")
		case n.Kind == ns.Mnt && n.Join && n.PID == 0:
			return exit.Hint(fmt.Errorf("mnt of %s: cannot take the mount namespace from a file: the command's identity is read from a process", n.Source),
				"name a process that has these mounts: --mnt pid:N; lsns -t mnt lists them")
		case n.Kind == ns.User && ownUsers && (n.New || n.ID != mounts.Namespaces[ns.User]):
			return exit.Hint(fmt.Errorf("mnt of %s: its files belong to ids of its own user namespace, which the command would not be in", r.Source(ns.Mnt).Quoted()),
				"use --userns %s as well, or leave mnt out (--mnt host)", flagValue(r.Source(ns.Mnt)))
		}
	}
	return nil
}

// flagValue returns s as the value of a flag such as --net.
func flagValue(s request.Source) string {
	if s.From == request.FromContainer {
		return "container:" + s.Name
	}
	return s.String()
}

// amongHosts reports whether a command of a container that does not see the host's processes is given the host's pid
// namespace.
func (p *Plan) amongHosts(r *request.Request, o *Observed) bool {
	host, pid := o.host().Namespaces[ns.PID], p.row(ns.PID)
	return p.Identity.Container != nil && !pid.New && pid.ID == host && o.source(r, ns.Mnt).Namespaces[ns.PID] != host
}

// onlyShell reports whether a request asks for a shell without anything to run.
func onlyShell(r *request.Request) bool {
	return len(r.Command) == 0 || len(r.Command) == 1 && r.Command[0] == ToolsShell
}

// warnings returns warnings about what may surprise the user.
func (p *Plan) warnings(r *request.Request, o *Observed) []string {
	var list []string
	// A command in the host's file system reads standard input if it is started locally, and a shell
	// without a command and a terminal can do nothing but read it.
	if o.InputWaits && !p.Input && (!p.foreign(o) && p.Framed || p.foreign(o) && onlyShell(r)) {
		list = append(list, "standard input is not passed on; add -i to pass it on")
	}
	pid, mnt, user := p.row(ns.PID), p.row(ns.Mnt), p.row(ns.User)
	if (pid.New || pid.ID != o.procShows(r)) && !p.ownProc(r, o) {
		text := fmt.Sprintf("/proc, and so ps, shows the processes of %s", r.Source(ns.Mnt).Quoted())
		if !p.foreign(o) && !mnt.New && p.mayMountProc(o) {
			text += "; --mnt private mounts a new one"
		}
		list = append(list, text)
	}
	if p.amongHosts(r, o) {
		list = append(list, fmt.Sprintf("the command runs among the host's processes: a program of %s can see all of them, and signal and open those that its user and capabilities allow",
			r.Source(ns.Mnt).Quoted()))
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
		list = append(list, fmt.Sprintf("the command has no rights over %s, which another user namespace owns", foreign))
	}
	return list
}
