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

// readRelations reads how the namespaces that the request names belong together.
func (o *Observation) readRelations(r *request.Request) error {
	if err := o.readSetgroups(r.Source(ns.User)); err != nil {
		return err
	}
	pid, err := o.file(r, ns.PID)
	if err != nil {
		return err
	}
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

// file is the open namespace of kind k that the request names; for a new one the
// helper's own, nil for a kind that the kernel doesn't have.
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

// readSetgroups reads whether processes of the user namespace that source gives
// may choose their groups. Of a file that can't be read: they are taken not to.
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

// readUIDMap reads what a uid in the user namespace that source gives is in the
// helper's; of a file's that can't be read.
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

// readIDMap reads uid_map or gid_map of p, from inside to the helper's own. Where both
// are the same an id is itself, and the map would tell of the one above.
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
