// Package plan decides how a command joins namespaces: New makes a Plan from a request and
// the observed facts, and package join executes it without further decisions. The package does no I/O.
package plan

import (
	"cmp"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Plan describes a join completely.
type Plan struct {
	// Target names the base in messages: web, pid:42 or host.
	Target string `json:"target"`
	// Via is the way to the engine's host and why it was chosen, for output only.
	Via string `json:"via,omitempty"`
	// Namespaces has one row for each kind, in the order of ns.Kinds.
	Namespaces []Namespace `json:"namespaces"`
	// View is the command's own root directory; nil if it has that of its mount namespace.
	View *View `json:"view,omitempty"`
	// Remove is a file of the container's that is removed with its directory; "" for none.
	Remove   string   `json:"remove,omitempty"`
	Identity Identity `json:"identity"`
	Command  Command  `json:"command"`
	// Mounting is a mount instead of a command; nil for a command.
	Mounting *Mounting `json:"mounting,omitempty"`
	Streams
	// Forward says that the plan ends with sockets; nil for one with a command.
	Forward *Forward `json:"forward,omitempty"`
	// Names are the files about names that the command sees; nil for those of its file system.
	Names *Names `json:"names,omitempty"`
	// DetachKeys are the bytes that detach from the command when typed at its terminal.
	DetachKeys []byte `json:"detachKeys,omitempty"`
	// Detach means that the helper does not wait for the command.
	Detach bool `json:"detach,omitempty"`
	// Remote means that the helper runs in a container of the engine and that the caller may be on
	// another machine.
	Remote bool `json:"remote,omitempty"`
	// Framed means that the caller's streams come in frames: if it is Remote, or runs many commands at once.
	Framed bool `json:"-"`
	// Audit says where the join is recorded; nil if it is not.
	Audit *audit.Decision `json:"audit,omitempty"`
	// Steps are executed in this order.
	Steps []Step `json:"steps"`
	// Warnings tell the user what may be surprising.
	Warnings []string `json:"warnings,omitempty"`
}

// Namespace is the command's namespace of one kind.
type Namespace struct {
	Kind ns.Kind `json:"kind"`
	// Source names where it comes from.
	Source string `json:"source"`
	// PID is the process that it is joined from; 0 for a file or if it is not joined.
	PID int `json:"pid,omitempty"`
	// ID is the namespace that the command must be in.
	ID ns.ID `json:"id"`
	// Join means that the helper is not in it yet and joins it.
	Join bool `json:"join"`
	// New means that a new namespace is made, as a copy of ID if ns.Copied. Slave means that later
	// mounts in ID propagate to the new mount namespace, mount_namespaces(7).
	New   bool `json:"new,omitempty"`
	Slave bool `json:"slave,omitempty"`
}

// Who says whose identity the command has.
type Who string

// The values of Who.
const (
	Caller    Who = "caller"    // the caller's, unchanged
	HostRoot  Who = "host"      // root's on the engine's host, if the plan is Remote
	Container Who = "container" // the one that docker exec would give it
	Bare      Who = "process"   // that of a process without a container, for pid:N
)

// Identity is the command's execution environment apart from its namespaces: user, rights, limits,
// environment and working directory.
type Identity struct {
	Who Who      `json:"who"`
	Env []string `json:"env"`
	// Dir is the working directory; "" for the caller's.
	Dir string `json:"dir,omitempty"`
	// DefaultDir means that Dir is the container's and was not set by -w.
	DefaultDir bool `json:"-"`
	// Container is nil if Who is Caller or HostRoot: nothing is changed then.
	Container *ContainerIdentity `json:"container,omitempty"`
	// RootOfUserNamespace makes the command uid 0 in the joined user namespace, in which the
	// caller's uid may not be mapped.
	RootOfUserNamespace bool `json:"rootOfUserNamespace,omitempty"`
}

// ContainerIdentity is what is set for a command in a container's file system. Ids are those
// inside the container's user namespace.
type ContainerIdentity struct {
	UID    uint32   `json:"uid"`
	GID    uint32   `json:"gid"`
	Groups []uint32 `json:"groups"`
	// KeepGroups means that groups cannot be set in the user namespace. They are dropped before it is
	// joined.
	KeepGroups bool `json:"keepGroups,omitempty"`
	// HostUID is UID in the helper's user namespace, the owner of the standard streams; -1 if it is
	// not mapped.
	HostUID         int64        `json:"hostUID"`
	Umask           uint32       `json:"umask"`
	Capabilities    Capabilities `json:"capabilities"`
	NoNewPrivileges bool         `json:"noNewPrivileges"`
	Limits          []Limit      `json:"limits"`
	OOMScoreAdj     int          `json:"oomScoreAdj"`
	// IgnoredSignals has bit N-1 for each signal N that the command ignores at its start. The others
	// are at their defaults.
	IgnoredSignals uint64 `json:"ignoredSignals,omitempty"`
	Attributes
	// Undo says which of the helper's attributes must be changed.
	Undo Undo `json:"-"`
	// CPUs is the CPU affinity; nil for the helper's.
	CPUs     []int  `json:"cpus,omitempty"`
	AppArmor string `json:"apparmor,omitempty"`
	SELinux  string `json:"selinux,omitempty"`
	// Keyring names the session keyring; "" for a new one.
	Keyring string   `json:"keyring,omitempty"`
	Filters []Filter `json:"-"`
	// Forbidden is a call of the join that the filters forbid, so that they are loaded last; "" for none.
	Forbidden string `json:"forbidden,omitempty"`
	// Privileged means that all capabilities were requested.
	Privileged bool `json:"privileged,omitempty"`
	// Profile is what was requested beyond the container's own rights.
	Profile request.Profile `json:"profile,omitempty"`
	Seccomp []FilterInfo    `json:"seccomp"`
	Cgroups []Cgroup        `json:"cgroups"`
}

// FilterInfo describes a seccomp filter in a printed plan.
type FilterInfo struct {
	Instructions int    `json:"instructions"`
	Flags        uint32 `json:"flags,omitempty"`
	// Compiled means that it was made from the profile, not copied.
	Compiled bool `json:"compiled,omitempty"`
}

// Command is what is executed.
type Command struct {
	Args []string `json:"args"`
	// Search means that Args[0] is looked up in PATH.
	Search bool `json:"search"`
	// Paths are the candidates in order: one for each directory of PATH, or Args[0] alone.
	Paths []string `json:"paths"`
	// NotFoundHint is the hint if the command is not found; "" for none.
	NotFoundHint string `json:"-"`
}

// LeadsSession reports whether the command leads a new session. Otherwise it stays in the caller's.
func (p *Plan) LeadsSession() bool { return p.Identity.Container != nil || p.Detach || p.Framed }

// Where names in messages the file system in which the command runs.
func (p *Plan) Where() string {
	switch p.Identity.Who {
	case Caller:
		return "on the host"
	case HostRoot:
		return "on the engine's host"
	}
	return "in " + cmp.Or(p.row(ns.Mnt).Source, p.Target)
}

// InheritsStreams reports whether the command inherits the caller's standard streams and other
// descriptors: if it runs in the host's file system and the helper has replaced the caller's process.
func (p *Plan) InheritsStreams() bool {
	return p.Identity.Container == nil && !p.Detach && !p.Framed
}

// SharesNull reports whether the command may hold the null device of its own file system. That
// descriptor must be visible only in the container that the file system belongs to.
func (p *Plan) SharesNull() bool {
	mnt, pid := p.row(ns.Mnt), p.row(ns.PID)
	return pid.Source == mnt.Source || !pid.Join
}

// row returns the row of kind k.
func (p *Plan) row(k ns.Kind) Namespace {
	for _, n := range p.Namespaces {
		if n.Kind == k {
			return n
		}
	}
	return Namespace{Kind: k}
}

// Joined returns the kinds that are joined.
func (p *Plan) Joined() ns.Set { return p.kinds(func(n Namespace) bool { return n.Join }) }

// Made returns the kinds that are new.
func (p *Plan) Made() ns.Set { return p.kinds(func(n Namespace) bool { return n.New }) }

// leaves reports whether the command leaves the caller's namespace of kind k.
func (p *Plan) leaves(k ns.Kind) bool { return (p.Joined() | p.Made()).Has(k) }

func (p *Plan) kinds(match func(Namespace) bool) ns.Set {
	var set ns.Set
	for _, n := range p.Namespaces {
		if match(n) {
			set |= ns.SetOf(n.Kind)
		}
	}
	return set
}
