package plan

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Record returns the audit record of the join with plan p and request r, without the caller and
// the join's ID.
func (p *Plan) Record(r *request.Request) audit.Join {
	j := audit.Join{
		Call: string(r.Call), Way: "local", Request: r.Audit, Target: p.Target, Who: string(p.Identity.Who),
		Privileged: r.Privileged, Profile: string(r.Profile), Terminal: p.Terminal, Program: "forward",
	}
	if p.Forward == nil {
		j.Program = p.Command.Args[0]
	}
	if p.Remote {
		j.Way = "engine"
	}
	for _, n := range p.Namespaces {
		if !n.Join && !n.New {
			continue
		}
		of, source := audit.Namespace{Kind: n.Kind.String(), Source: "new"}, r.Source(n.Kind)
		if !n.New {
			of.Link, of.Source = n.ID.Link(n.Kind), sourceName(source)
		}
		if c := source.Container; c != nil && n.Join { // or joined, and then copied
			container := audit.Container{Name: cmp.Or(c.Name, source.Name), ID: c.ID}
			if !slices.Contains(j.Containers, container) {
				j.Containers = append(j.Containers, container)
			}
		}
		j.Namespaces = append(j.Namespaces, of)
	}
	if c := p.Identity.Container; c != nil {
		j.UID, j.GID = &c.UID, &c.GID
		if c.HostUID >= 0 {
			j.HostUID = &c.HostUID
		}
	}
	if p.Audit != nil && p.Audit.Arguments {
		j.Arguments = p.Command.Args
	}
	return j
}

// sourceName names a source in a record so that it stays unambiguous: a container by its ID.
func sourceName(s request.Source) string {
	if s.Container != nil {
		return "container " + s.Container.ID
	}
	if s.From == request.FromPath {
		return "ns:" + strconv.Quote(string(s.Path))
	}
	return s.String()
}
