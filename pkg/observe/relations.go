//go:build linux

package observe

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// readRelations reads which user namespaces own the namespaces that the request names, and whether its pid
// namespace can be reached.
func (o *Observation) readRelations(r *request.Request, pid *os.File) error {
	if err := o.readSetgroups(r.Source(ns.User)); err != nil {
		return err
	}
	var err error
	if o.Facts.PIDUnreachable, err = unreachable(pid, o.self.IDs[ns.PID]); err != nil {
		return err
	}
	user, err := o.file(r, ns.User)
	if err != nil || user == o.host.Namespaces[ns.User] && !r.New(ns.User) {
		return err
	}
	o.Facts.Owners = make(map[ns.Kind]ns.ID)
	for _, k := range ns.Kinds() {
		f, err := o.file(r, k)
		if err != nil {
			return err
		}
		if f == nil || k == ns.User {
			continue
		}
		if o.Facts.Owners[k], err = owner(f); err != nil && !errors.Is(err, unix.EPERM) {
			return fmt.Errorf("owner of %s of %s: %w", k, r.Source(k), err)
		}
	}
	return nil
}

// pidNamespace is the pid namespace that the request names. file is nil on a kernel without pid namespaces.
type pidNamespace struct {
	file *os.File
	id   ns.ID
}

func (o *Observation) pidNamespace(r *request.Request) (pid pidNamespace, err error) {
	if pid.file, err = o.file(r, ns.PID); err == nil && pid.file != nil {
		pid.id, err = idOf(pid.file)
	}
	return pid, err
}

// remapped reports whether the helper's user namespace has no number for some users of the machine, like a
// rootless engine's user namespace.
func (o *Observation) remapped() (bool, error) {
	text, err := o.self.read("uid_map")
	if err != nil {
		return false, err
	}
	ranges, err := parseIDMap(text)
	if err != nil {
		return false, fmt.Errorf("uid_map: %w", err)
	}
	return len(ranges) != 1 || ranges[0].Count != math.MaxUint32, nil
}

// file returns the open namespace of kind k that the request names. For a new one it is the host's; it is nil if the
// kernel lacks the kind.
func (o *Observation) file(r *request.Request, k ns.Kind) (*os.File, error) {
	source := r.Source(k)
	switch source.From {
	case request.FromNew:
		return o.host.Namespaces[k], nil
	case request.FromPath:
		return o.Paths[source.String()], nil
	case request.FromHost, request.FromContainer, request.FromPID:
	}
	p, err := o.process(source)
	if err != nil {
		return nil, err
	}
	return p.Namespaces[k], nil
}

// readSetgroups reads whether processes in the user namespace of source may set their groups. For a namespace
// file it cannot be read, and is taken to be denied.
func (o *Observation) readSetgroups(source request.Source) error {
	if source.From == request.FromPath {
		o.Facts.SetgroupsDenied = true
		return nil
	}
	p, err := o.process(source)
	if err != nil || p.IDs[ns.User] == o.self.IDs[ns.User] {
		return err
	}
	text, err := p.read("setgroups")
	if err != nil {
		return fmt.Errorf("user namespace of %s: %w", source.Quoted(), err)
	}
	o.Facts.SetgroupsDenied = strings.TrimSpace(text) != "allow"
	return nil
}

// readUIDMap reads the mapping of the user namespace of source to the helper's. For a namespace file it cannot
// be read.
func (o *Observation) readUIDMap(source request.Source) error {
	if source.From == request.FromPath {
		o.Facts.TargetProcess.UIDMap = nil
		return nil
	}
	p, err := o.process(source)
	if err != nil {
		return err
	}
	o.Facts.TargetProcess.UIDMap, err = o.readIDMap(p, "uid_map")
	return err
}

// readIDMap reads uid_map or gid_map of p as a mapping to the helper's user namespace. For a process in the
// helper's own it is the identity: the file would have the mapping to the parent namespace.
func (o *Observation) readIDMap(p *Process, name string) ([]plan.IDRange, error) {
	if p.IDs[ns.User] == o.self.IDs[ns.User] {
		return []plan.IDRange{{Count: math.MaxUint32}}, nil
	}
	text, err := p.read(name)
	if err != nil {
		return nil, err
	}
	ranges, err := parseIDMap(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return ranges, nil
}
