package plan

import (
	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

// Observed is what was found on the engine's host: all that a plan is decided
// from, besides the request.
type Observed struct {
	// Self is the helper that will join, CPUs those that it may run on, and
	// Capabilities those that it has and can give on.
	Self         Process
	CPUs         []int
	Capabilities CapSet
	// Permanent is what of the helper's own a command in a container would keep, and Own its attributes
	// as far as what is done depends on them.
	Permanent PermanentAttributes
	Own       Attributes
	// AppArmor is the helper's own profile, where it had to be known for Subject.Profiled.
	AppArmor string
	// Host is who has the host's namespaces where the helper, in a container of its
	// own, has not; else it is left out and Self is meant.
	Host Process
	// Base is the process that the request's base names; the host's if that is it.
	Base Process
	// Overrides has the source process of each kind in the request's Overrides.
	Overrides map[ns.Kind]Process
	// Paths is what each namespace's file of the request's Overrides refers to.
	Paths map[ns.Kind]PathNamespace
	// PIDUnreachable says that the pid namespace which is to be joined is not a
	// descendant of the helper's, so that setns(2) refuses it.
	PIDUnreachable bool
	// Owners are the user namespaces that own those which the request names,
	// where a user namespace is joined or made; else nil.
	Owners map[ns.Kind]ns.ID
	// ProcMounts is what is mounted beneath the host's /proc, where NeedsProcMounts asks for it.
	ProcMounts []Mount
	// Streams is what is known of the caller's standard streams.
	Streams request.Streams
	// InputWaits says that there is something to be read from the caller's standard input.
	InputWaits bool
	// SetgroupsDenied says that the user namespace that is joined doesn't let
	// its processes choose supplementary groups, user_namespaces(7).
	SetgroupsDenied bool
	// Watchers are those who see the command in the pid namespace that it joins, Users its
	// user namespace and those above it, UID and GID the helper's own, and Kept what a
	// command that is the caller has of its Capabilities. They are read where
	// NeedsWatchers asks for it.
	Watchers []Watcher
	Users    []UserNamespace
	UID, GID int64
	Kept     CapSet
	// TargetProcess is who the command would be if it ran in the file system that
	// mnt comes from; nil where that is the caller's own.
	TargetProcess *TargetProcess
	// Audit is what the host's system-wide file says of records; nil without one.
	Audit *audit.Settings
}

// Process is a process by its number and its namespaces.
type Process struct {
	PID        int
	Namespaces map[ns.Kind]ns.ID
}

// PathNamespace is a namespace that a file refers to.
type PathNamespace struct {
	Kind ns.Kind
	ID   ns.ID
}

// TargetProcess is what can be read of who a command in a container is.
type TargetProcess struct {
	// Spec is the process that the container was made with, or one that runs;
	// its user is the one that was asked for.
	Spec Spec
	// ConfigEnv is the environment that the image and docker run -e gave.
	ConfigEnv []string
	// Starter is what a process inherits from the one that would start it.
	Starter Starter
	// ContainerID is the container's full ID, "" for a bare process.
	ContainerID string
	// Account is the user's line in the file system's /etc/passwd, and
	// AccountErr why it could not be read; no line at all is no error.
	Account    Account
	AccountErr error
	// Terms are those of TerminalNames that the file system has a description of.
	Terms []string
	// UIDMap is the user namespace's, from inside to outside.
	UIDMap []IDRange
	// Filters are the seccomp filters that the command gets, the oldest first.
	Filters []Filter
	// FiltersErr is why they could not be copied, and FiltersDenied says that the kernel
	// only did not show them: for want of rights, or because no thread stopped for it.
	FiltersErr    error
	FiltersDenied bool
	// Profile is what the runtime makes a command's only filter from; nil where that is
	// not known, or where commands have others as well.
	Profile *seccomp.Profile
	// Cgroups are the groups that the container's first process is in and the
	// helper isn't.
	Cgroups []Cgroup
	// Frozen says that one of them is frozen, as docker pause does it.
	Frozen bool
	// NoProfile says that the kernel hasn't got the AppArmor profile that Profiled gives.
	NoProfile bool
}

// Profiled is the AppArmor profile that the command changes to, where the helper has the
// profile own; "" where it keeps that. A specification without one leaves the command with
// that of its starter.
func (s *TargetProcess) Profiled(own string) string {
	switch {
	case s.Spec.AppArmor != "":
		return s.Spec.AppArmor
	case s.Spec.SELinux == "" && s.Starter.AppArmor != own:
		return s.Starter.AppArmor
	}
	return ""
}

// Spec is a process as the OCI runtime specification describes it, as far as a
// command that joins it inherits. Numbers are as inside its user namespace.
type Spec struct {
	Env             []string
	Terminal        bool // the container was made with a terminal
	Dir             string
	UID, GID        uint32
	Groups          []uint32
	Umask           *uint32
	Capabilities    Capabilities
	NoNewPrivileges bool
	Limits          []Limit
	OOMScoreAdj     *int
	AppArmor        string
	SELinux         string
	// Seccomp says that the runtime gave the process a filter.
	Seccomp bool
}

// Starter is the process that starts commands in a container for docker exec,
// the container's shim: what it doesn't set, they inherit.
type Starter struct {
	Attributes
	Umask   uint32
	CPUs    []int // that it may run on
	Filters int   // seccomp filters
	// Bounding is its bounding set: a specification may name capabilities that it can't give.
	Bounding    CapSet
	OOMScoreAdj int
	Limits      []Limit
	// AppArmor is its profile, "" where there is no AppArmor. It is read if Spec names none.
	AppArmor string
	// Ignored are the signals that it ignores, bit N-1 for signal N, as SigIgn of
	// proc_pid_status(5). Commands start with the others at their defaults.
	Ignored uint64
}

// Account is what passwd(5) says of a user.
type Account struct {
	// Home may be empty, as in a line that ends early; it is / where there is
	// no line, as the runtime has it.
	Home  string
	Shell string
	// ShellExists says that Shell is a file there.
	ShellExists bool
}

// IDRange is a line of /proc/PID/uid_map.
type IDRange struct {
	Inside, Outside, Count uint32
}

// Filter is one seccomp filter: a BPF program as the kernel takes it.
type Filter struct {
	Program  []seccomp.Instruction
	Flags    uint32 // SECCOMP_FILTER_FLAG_…
	Compiled bool   // made from the profile, not copied
}

// Cgroup is a group of one hierarchy.
type Cgroup struct {
	// Hierarchy names its controllers as /proc/PID/cgroup does: "memory",
	// "cpu,cpuacct", "name=systemd", or "" for cgroup v2.
	Hierarchy string `json:"hierarchy"`
	// Path is the group's, beneath the hierarchy's root.
	Path string `json:"path"`
}
