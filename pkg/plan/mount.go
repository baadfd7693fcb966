package plan

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Mounting is a mount into a running container, or its end.
type Mounting struct {
	Action request.MountAction `json:"action"`
	Type   request.MountType   `json:"type,omitempty"`
	From   string              `json:"from,omitempty"` // whose Source is
	Source string              `json:"source,omitempty"`
	Volume string              `json:"volume,omitempty"`
	Target string              `json:"target"`
	Dir    bool                `json:"dir"`
	// Flags are those of the mount.
	Flags []string `json:"flags"`
	// Options are those of a new file system.
	Options [][2]string `json:"options,omitempty"`
	// Single means that mounts beneath the source do not come along. Slave means that later ones do, else it is
	// private.
	Single bool `json:"single,omitempty"`
	Slave  bool `json:"slave,omitempty"`
	// Map shows one user of the file system's, and one group, as those of the container; nil for none. They are the
	// owner of the source and the root of the container's user namespace.
	Map []IDRange `json:"map,omitempty"`
	// Adopt is the owner, the group and the mode that the root directory of an empty volume gets; nil for none.
	Adopt []uint32 `json:"adopt,omitempty"`
	// Make are the directories to make, outermost first, and the file at the end if not Dir. They belong to Owner.
	Make  []string  `json:"make,omitempty"`
	Owner [2]uint32 `json:"owner"`
	// Parent is the mount that the new one must be attached to, and Device that of its file system, in mountinfo. ""
	// is any.
	Parent int    `json:"-"`
	Device string `json:"-"`
	// FileSystem is the type of the source's, in mountinfo.
	FileSystem string `json:"-"`
}

// StrictAtime is the flag of a mount that mountinfo shows by the absence of others.
const StrictAtime = "strictatime"

// NewMount makes the plan for the Mount of r. It returns an error, which names the cause, if the mount could show
// something that was not asked for, or appear at another place.
func NewMount(r *request.Request, o *Observed) (*Plan, error) {
	p := &Plan{Target: r.Base.String(), Via: r.Via, Remote: r.Call != "", Audit: audit.Decide(r.Audit.Settings, o.Audit)}
	target := o.source(r, ns.Mnt)
	if target.Namespaces[ns.Mnt] == o.host().Namespaces[ns.Mnt] {
		return nil, fmt.Errorf("mount in %s: its mounts are the host's", r.Base.Quoted())
	}
	p.Namespaces = []Namespace{{
		Kind: ns.Mnt, Source: r.Base.String(), PID: target.PID, ID: target.Namespaces[ns.Mnt],
		Join: target.Namespaces[ns.Mnt] != o.Self.Namespaces[ns.Mnt],
	}}
	p.Identity.Who = HostRoot
	q, f := r.Mount, o.Mount
	m := &Mounting{Action: q.Action, Type: q.Type, Target: f.Target.full(), Volume: q.Volume, Flags: []string{}}
	p.Mounting = m
	if q.Action == request.MountDetach {
		if err := detachable(r, f); err != nil {
			return nil, err
		}
		p.Command.Args = []string{string(q.Action), m.Target} // for the audit record
		p.Steps = append(joins(p.Namespaces), Step{Op: OpDetach})
		return p, nil
	}
	m.Parent, m.Single, m.Slave = f.Target.Mount, q.Single, q.Slave
	var err error
	if m.Owner, err = f.RootIDs(); err != nil {
		return nil, fmt.Errorf("mount in %s: %w", r.Base.Quoted(), err)
	}
	if q.From != nil && q.Type != request.MountVolume {
		m.From = q.From.Name
	}
	if err = m.place(q, f); err != nil {
		return nil, fmt.Errorf("mount in %s: %w", r.Base.Quoted(), err)
	}
	if q.Type == request.MountTmpfs {
		err = m.tmpfs(q, f)
	} else {
		err = m.source(q, f)
	}
	if err == nil {
		err = m.target(f)
	}
	if err != nil {
		return nil, fmt.Errorf("mount in %s: %w", r.Base.Quoted(), err)
	}
	p.Command.Args = []string{string(q.Action), m.What(), m.Target} // for the audit record
	p.Warnings = m.warnings(f)
	p.Steps = m.steps(p.Namespaces, q, o)
	return p, nil
}

// steps returns the steps of the child. All that can fail without trace comes before the mount is attached.
func (m *Mounting) steps(container []Namespace, q *request.Mount, o *Observed) []Step {
	var list []Step
	if q.Type == request.MountTmpfs {
		list = append(list, Step{Op: OpTmpfs})
	} else {
		from := o.Mount.Process
		if id := from.Namespaces[ns.Mnt]; id != o.Self.Namespaces[ns.Mnt] {
			list = append(list, Step{Op: OpJoin, Kinds: ns.SetOf(ns.Mnt), From: cmp.Or(m.From, m.holder(), "host"), PID: from.PID})
			container[0].Join = container[0].ID != id
		}
		list = append(list, Step{Op: OpClone})
	}
	list = append(list, Step{Op: OpMountFlags}, Step{Op: OpRecord})
	list = append(list, joins(container)...)
	return append(list, Step{Op: OpAttach}, Step{Op: OpCheck})
}

// place checks where it is mounted, whatever it is.
func (m *Mounting) place(q *request.Mount, f *MountFacts) error {
	switch t := f.Target; {
	case t.Root && len(t.Missing) == 0:
		return errors.New("cannot mount over /, the container's root directory")
	case t.kernels() != "":
		return fmt.Errorf("%s is on a %s file system, whose files are the kernel's: a mount there would hide them", m.Target, t.kernels())
	case t.Shared:
		return exit.Hint(fmt.Errorf("%s is on a shared mount: what is mounted there appears on the host, or in other containers, too", m.Target),
			"mount it on the host: it then appears in the container")
	case len(t.Missing) > 0 && !q.Mkdir:
		return exit.Hint(fmt.Errorf("%s does not exist in the container", m.Target), "--mkdir makes it, and umount removes it again if it is empty")
	case len(t.Missing) > maxMade:
		return fmt.Errorf("%s: more than %d directories would have to be made", m.Target, maxMade)
	}
	return nil
}

// target checks that it can be mounted there, and says what is to be made for it.
func (m *Mounting) target(f *MountFacts) error {
	t := f.Target
	switch {
	case len(t.Missing) > 0:
		at := t.Path
		for _, name := range t.Missing {
			if !isFileName(name) {
				return fmt.Errorf("%q is not the name of a directory", name)
			}
			at = path.Join(at, name)
			m.Make = append(m.Make, at)
		}
	case t.Dir && !m.Dir:
		return fmt.Errorf("%s is a directory of the container, and %s is a file", m.Target, m.Source)
	case !t.Dir && m.Dir:
		return fmt.Errorf("%s is a file of the container, and %s is a directory", m.Target, m.What())
	}
	return nil
}

// maxMade limits the directories that are made for a mount.
const maxMade = 32

// engineSockets are where engines listen. Who can write to one is root on the engine's host.
var engineSockets = [...]string{
	"/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock", "/run/crio/crio.sock",
}

// warnings says what the container gets with the mount. Files of the host may be mounted in another container, too.
func (m *Mounting) warnings(f *MountFacts) []string {
	if f.Source == nil || m.Volume != "" {
		return nil
	}
	writes := "read and write"
	if slices.Contains(m.Flags, "ro") {
		writes = "read"
	}
	switch {
	case f.Source.Root && m.From == "", slices.Contains(f.Source.OnHost, "/"):
		return []string{fmt.Sprintf("the container's root can now %s all files of the host", writes)}
	case f.Source.kernels() != "", slices.ContainsFunc(f.Source.Beneath, controlsKernel):
		return []string{fmt.Sprintf("%s of the host controls the host's kernel: the container's root can become root of the host with it", m.Source)}
	case slices.ContainsFunc(append([]string{m.Source}, f.Source.OnHost...), leadsToEngine):
		return []string{fmt.Sprintf("%s leads to an engine's socket: the container's root can become root of the host with it", m.What())}
	}
	return nil
}

// controlsKernel reports whether files of this type of file system change what the kernel does. Those of the engine in
// /run/docker/netns do not.
func controlsKernel(kind string) bool {
	return OfKernel(kind) && !slices.Contains([]string{"autofs", "devpts", "mqueue", "nsfs"}, kind)
}

// leadsToEngine reports whether an engine's socket is at a path of the host or beneath it. A read-only mount does not keep
// a client from connecting.
func leadsToEngine(name string) bool {
	return path.Base(name) == "docker.sock" || slices.ContainsFunc(engineSockets[:], func(socket string) bool {
		return socket == name || strings.HasPrefix(socket, name+"/")
	})
}

// tmpfs decides about a new tmpfs. uid= and gid= are those of the container's user namespace. Without them it belongs to
// the container's root.
func (m *Mounting) tmpfs(q *request.Mount, f *MountFacts) error {
	m.Dir, m.Flags, m.Options = true, append(m.Flags, q.Flags...), slices.Clone(q.Options)
	for n, ranges := range [2][]IDRange{f.UIDs, f.GIDs} {
		name, id := [2]string{"uid", "gid"}[n], m.Owner[n]
		i := slices.IndexFunc(m.Options, func(o [2]string) bool { return o[0] == name })
		if i < 0 {
			i = len(m.Options)
			m.Options = append(m.Options, [2]string{name})
		} else {
			inside, err := strconv.ParseUint(m.Options[i][1], 10, 32)
			var ok bool
			if id, ok = outside(ranges, uint32(inside)); err != nil || !ok {
				return fmt.Errorf("%s=%s of a tmpfs: the container has no such ID", name, m.Options[i][1])
			}
		}
		m.Options[i][1] = strconv.FormatUint(uint64(id), 10)
	}
	return nil
}

// detachable refuses a mount that processes use.
func detachable(r *request.Request, f *MountFacts) error {
	switch {
	case r.Mount.Lazy, len(f.Users) == 0 && len(f.Beneath) == 0:
		return nil
	case len(f.Beneath) > 0:
		return exit.Hint(fmt.Errorf("umount %s in %s: %s is mounted beneath it", f.Target.full(), r.Base.Quoted(), f.Beneath[0]),
			"unmount that first, or add --lazy, which detaches both")
	}
	var users []string
	for _, u := range f.Users {
		users = append(users, fmt.Sprintf("%d %s (%s)", u.PID, u.Name, u.How))
	}
	if f.More {
		users = append(users, "…")
	}
	return exit.Hint(fmt.Errorf("umount %s in %s: it is in use by %s", f.Target.full(), r.Base.Quoted(), strings.Join(users, ", ")),
		"end these processes, or add --lazy: it is then detached, and they keep what they have open")
}

// What names what is mounted.
func (m *Mounting) What() string {
	switch {
	case m.Type == request.MountTmpfs:
		return "a tmpfs"
	case m.Volume != "":
		return "volume " + m.Volume
	case m.From != "":
		return m.Source + " of " + m.From
	}
	return m.Source
}

// Propagation is as in docker run -v.
func (m *Mounting) Propagation() string {
	if m.Slave {
		return "slave"
	}
	return "private"
}
