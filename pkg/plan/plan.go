// Package plan decides what will be done: from what was asked (a request) and
// what was found (an observation) it makes a Plan, which package join carries
// out without deciding anything. It is pure.
package plan

import (
	"cmp"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// Plan is what will be done.
type Plan struct {
	// Target names the base in messages: web, pid:42 or host.
	Target string `json:"target"`
	// Via is the way to the engine's host and why it was chosen.
	Via string `json:"via,omitempty"`
	// Namespaces has a row for every kind.
	Namespaces []Namespace `json:"namespaces"`
	Identity   Identity    `json:"identity"`
	Command    Command     `json:"command"`
	Streams
	// DetachKeys leave the command at its terminal to itself.
	DetachKeys []byte `json:"detachKeys,omitempty"`
	// Detach says that the helper leaves the command to itself.
	Detach bool `json:"detach,omitempty"`
	// Remote says that the caller may be on another machine than the helper.
	Remote bool `json:"remote,omitempty"`
	// Audit says where the join is recorded; nil for nowhere.
	Audit *audit.Decision `json:"audit,omitempty"`
	// Steps are taken in this order.
	Steps []Step `json:"steps"`
	// Warnings are what may surprise in what was asked for.
	Warnings []string `json:"warnings,omitempty"`
}

// Namespace is what becomes of one kind.
type Namespace struct {
	Kind ns.Kind `json:"kind"`
	// Source names where it comes from.
	Source string `json:"source"`
	// PID is the process that it is joined from; 0 for the caller's own.
	PID int `json:"pid,omitempty"`
	// ID is the namespace that the command must be in.
	ID ns.ID `json:"id"`
	// Join says that it has to be joined: it isn't the helper's own already.
	Join bool `json:"join"`
	// New says that a new one is made, from ID where it is a copy. Slave says of new mounts that
	// what is mounted in those of ID appears in them as well, mount_namespaces(7).
	New   bool `json:"new,omitempty"`
	Slave bool `json:"slave,omitempty"`
}

// Who says whose identity the command has.
type Who string

// Whose identity the command has.
const (
	Caller    Who = "caller"    // who called, unchanged
	HostRoot  Who = "host"      // root on the engine's host, for a caller that may not be there
	Container Who = "container" // what docker exec would make
	Bare      Who = "process"   // that of a process, for pid:N
)

// Identity is who the command is, in every respect that is not a namespace.
type Identity struct {
	Who Who      `json:"who"`
	Env []string `json:"env"`
	// Dir is the working directory; "" for the caller's.
	Dir string `json:"dir,omitempty"`
	// DefaultDir: Dir is the container's own, and nobody asked for it by -w.
	DefaultDir bool `json:"-"`
	// Container is nil when Who is Caller: nothing is changed then.
	Container *ContainerIdentity `json:"container,omitempty"`
	// RootOfUserNamespace makes the caller uid 0 of the user namespace that he
	// joins, where his own uid may not exist.
	RootOfUserNamespace bool `json:"rootOfUserNamespace,omitempty"`
}

// ContainerIdentity is what is set for a command in a container. Numbers are
// as inside the container's user namespace.
type ContainerIdentity struct {
	UID    uint32   `json:"uid"`
	GID    uint32   `json:"gid"`
	Groups []uint32 `json:"groups"`
	// KeepGroups says that the groups can't be set, and that it has none.
	KeepGroups bool `json:"keepGroups,omitempty"`
	// HostUID is UID as the helper's user namespace has it, for the owner of
	// the standard streams; -1 where it has none.
	HostUID         int64        `json:"hostUID"`
	Umask           uint32       `json:"umask"`
	Capabilities    Capabilities `json:"capabilities"`
	NoNewPrivileges bool         `json:"noNewPrivileges"`
	Limits          []Limit      `json:"limits"`
	OOMScoreAdj     int          `json:"oomScoreAdj"`
	// IgnoredSignals has bit N-1 for a signal N that the command starts ignoring;
	// the others are at their defaults.
	IgnoredSignals uint64 `json:"ignoredSignals,omitempty"`
	Attributes
	// Undo is what of the helper's own has to be changed.
	Undo Undo `json:"-"`
	// CPUs are those that it may run on; nil for the helper's own.
	CPUs     []int  `json:"cpus,omitempty"`
	AppArmor string `json:"apparmor,omitempty"`
	SELinux  string `json:"selinux,omitempty"`
	// Keyring names the session keyring; "" for a new one.
	Keyring string   `json:"keyring,omitempty"`
	Filters []Filter `json:"-"`
	// Forbidden is a call of the join's that the filters forbid: they are loaded last then.
	Forbidden string `json:"forbidden,omitempty"`
	// Privileged says that it was asked for all capabilities.
	Privileged bool         `json:"privileged,omitempty"`
	Seccomp    []FilterInfo `json:"seccomp"`
	Cgroups    []Cgroup     `json:"cgroups"`
}

// FilterInfo is a seccomp filter as a plan prints it.
type FilterInfo struct {
	Instructions int    `json:"instructions"`
	Flags        uint32 `json:"flags,omitempty"`
	// Compiled says that it was made from the profile, not copied.
	Compiled bool `json:"compiled,omitempty"`
}

// Command is what is executed.
type Command struct {
	Args []string `json:"args"`
	// Search says that the first of Args is looked for in PATH.
	Search bool `json:"search"`
	// Paths are looked at in turn: the places that PATH gives, or just one.
	Paths []string `json:"paths"`
	// Meant is the hint for the case that it is not found; "" for none.
	NotFoundHint string `json:"-"`
}

// LeadsSession tells whether the command leads a session of its own, as one in
// a container does, or one that nobody attends, or from another machine. Else it
// is in the caller's.
func (p *Plan) LeadsSession() bool { return p.Identity.Container != nil || p.Detach || p.Remote }

// Where says in messages whose files the command and its working directory are among.
func (p *Plan) Where() string {
	switch p.Identity.Who {
	case Caller:
		return "on the host"
	case HostRoot:
		return "on the engine's host"
	}
	return "in " + cmp.Or(p.row(ns.Mnt).Source, p.Target)
}

// InheritsStreams tells whether the command has the caller's own standard streams and other
// descriptors, as a command in the host's file system has that is started locally.
func (p *Plan) InheritsStreams() bool {
	return p.Identity.Container == nil && !p.Detach && !p.Remote
}

// SharesNull tells whether the command may hold the null device of its own file system: its
// processes are seen in the container that this belongs to, and in no other.
func (p *Plan) SharesNull() bool {
	mnt, pid := p.row(ns.Mnt), p.row(ns.PID)
	return pid.Source == mnt.Source || !pid.Join
}

// row is what becomes of kind k.
func (p *Plan) row(k ns.Kind) Namespace {
	for _, n := range p.Namespaces {
		if n.Kind == k {
			return n
		}
	}
	return Namespace{Kind: k}
}

// Joined is the set of the kinds that have to be joined.
func (p *Plan) Joined() ns.Set { return p.kinds(func(n Namespace) bool { return n.Join }) }

// Made is the set of the kinds that are new.
func (p *Plan) Made() ns.Set { return p.kinds(func(n Namespace) bool { return n.New }) }

// leaves tells whether the command leaves the caller's namespace of kind k.
func (p *Plan) leaves(k ns.Kind) bool { return (p.Joined() | p.Made()).Has(k) }

func (p *Plan) kinds(are func(Namespace) bool) ns.Set {
	var set ns.Set
	for _, n := range p.Namespaces {
		if are(n) {
			set |= ns.SetOf(n.Kind)
		}
	}
	return set
}
