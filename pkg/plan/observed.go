package plan

import (
	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

// Observed holds the facts found on the engine's host. Together with the request it
// determines the plan.
type Observed struct {
	// Self is the helper that will join. CPUs is its CPU affinity, and Capabilities the set
	// that it has and can pass on.
	Self         Process
	CPUs         []int
	Capabilities CapSet
	// Permanent are the helper's attributes that cannot be undone, and Own the others, as far as the
	// plan depends on them.
	Permanent PermanentAttributes
	Own       Attributes
	// AppArmor is the helper's own profile, if TargetProcess.Profiled depends on it.
	AppArmor string
	// Host is a process with the host's namespaces if the helper runs in a container. Its zero
	// value means that Self has them.
	Host Process
	// Base is the process of the request's base.
	Base Process
	// Overrides has the source process of each kind in the request's Overrides, except files.
	Overrides map[ns.Kind]Process
	// Paths has the namespaces that the files in the request's Overrides refer to.
	Paths map[ns.Kind]PathNamespace
	// PIDUnreachable means that the pid namespace to join is not a descendant of the helper's,
	// so that setns(2) refuses it.
	PIDUnreachable bool
	// Owners has the user namespaces that own the namespaces of the request. It is nil unless
	// a user namespace is joined or made.
	Owners map[ns.Kind]ns.ID
	// ProcMounts are the mounts under the host's /proc, if NeedsProcMounts.
	ProcMounts []Mount
	// Names are read if the request has Names.
	Names NameFacts
	// Streams describes the caller's standard streams.
	Streams request.Streams
	// InputWaits means that the caller's standard input has data to read.
	InputWaits bool
	// SetgroupsDenied means that the joined user namespace does not allow setgroups(2),
	// user_namespaces(7).
	SetgroupsDenied bool
	// Watchers are the processes that can see the command in the pid namespace that it joins.
	// Users are the command's user namespace and its ancestors. UID and GID are the helper's, and
	// Kept the Capabilities that a command with the caller's identity keeps. They are read if
	// NeedsWatchers or MayLoadFilterLast. OfRoot has the capabilities of the machine's root; 0 means all.
	Watchers []Watcher
	OfRoot   CapSet
	Users    []UserNamespace
	UID, GID int64
	Kept     CapSet
	// TargetProcess is the process whose mounts the command gets; nil if these are the host's.
	TargetProcess *TargetProcess
	// Root describes the root directory of the command's mounts, if the request has a View.
	Root Root
	// Programs are those of the request's HostDir, and ProgramsLeft says what is left out of it, or is "".
	Programs     []request.File
	ProgramsLeft string
	// Mount has the facts for the request's Mount; nil without one.
	Mount *MountFacts
	// Audit has the settings of the host's audit.SystemFile; nil without that file.
	Audit *audit.Settings
}

// Root describes the root directory of a mount namespace.
type Root struct {
	// Entries are sorted by name. There are at most MaxEntries. For a View with a Tree they are TargetMounts.
	Entries []Entry
	// More means that there are more entries than that.
	More bool
	// Silent are the names of entries whose file systems do not answer.
	Silent []string
}

// Entry is an entry of a directory.
type Entry struct {
	Name string
	Dir  bool
	// Link is the target of a symbolic link; "" for other files.
	Link string
}

// Process is a process and its namespaces.
type Process struct {
	PID        int
	Namespaces map[ns.Kind]ns.ID
}

// PathNamespace is a namespace that a file refers to.
type PathNamespace struct {
	Kind ns.Kind
	ID   ns.ID
}

// TargetProcess describes the process whose identity a command in its file system gets: the
// first process of a container, or the process of pid:N.
type TargetProcess struct {
	// Spec is the process of the container's OCI specification, or describes the running process
	// of pid:N. Its user is the requested one.
	Spec Spec
	// ConfigEnv is the environment set by the image and docker run -e.
	ConfigEnv []string
	// Starter is the process that would start a command in the container.
	Starter Starter
	// ContainerID is the container's full ID; "" for pid:N.
	ContainerID string
	// Account is the user's line in the file system's /etc/passwd, and AccountErr why that
	// could not be read. A missing line is not an error.
	Account    Account
	AccountErr error
	// Terms are the TerminalNames that the file system has a terminfo description of.
	Terms []string
	// UIDMap is the uid_map of its user namespace.
	UIDMap []IDRange
	// Filters are the seccomp filters that the command gets, oldest first.
	Filters []Filter
	// FiltersErr is why they could not be copied. FiltersDenied means that the helper lacked the
	// rights, or that no thread stopped to be traced.
	FiltersErr    error
	FiltersDenied bool
	// Profile is the profile that the runtime compiles to a command's only filter; nil if it is
	// unknown, or if commands have further filters.
	Profile *seccomp.Profile
	// Cgroups are the cgroups of the container's first process that the helper is not in.
	Cgroups []Cgroup
	// Frozen means that one of the cgroups is frozen, as by docker pause.
	Frozen bool
	// NoProfile means that the AppArmor profile that Profiled returns is not loaded.
	NoProfile bool
}

// Profiled returns the AppArmor profile that the command changes to, if the helper has the
// profile own; "" if it keeps that one. If the specification names no profile, the command gets
// its starter's.
func (s *TargetProcess) Profiled(own string) string {
	switch {
	case s.Spec.AppArmor != "":
		return s.Spec.AppArmor
	case s.Spec.SELinux == "" && s.Starter.AppArmor != own:
		return s.Starter.AppArmor
	}
	return ""
}

// Spec is the part of a process in the OCI runtime specification that a command in the
// container gets too. Ids are those inside its user namespace.
type Spec struct {
	Env             []string
	Terminal        bool // the container has a terminal
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
	// Seccomp means that the runtime gave the process a filter.
	Seccomp bool
}

// Starter is the process that starts commands of docker exec, the container's shim. They
// inherit whatever the specification does not set.
type Starter struct {
	Attributes
	Umask   uint32
	CPUs    []int // CPU affinity
	Filters int   // number of seccomp filters
	// Bounding is its bounding set. It cannot grant other capabilities, even if the specification
	// names them.
	Bounding    CapSet
	OOMScoreAdj int
	Limits      []Limit
	// AppArmor is its profile; "" without AppArmor. It is read only if Spec names none.
	AppArmor string
	// Ignored is SigIgn of proc_pid_status(5): bit N-1 for each signal N that it ignores. Commands
	// start with the other signals at their defaults.
	Ignored uint64
}

// Account is a user's entry in passwd(5).
type Account struct {
	// Home may be empty, as in a truncated line. Without a line it is /, as in the runtime.
	Home  string
	Shell string
	// ShellExists means that the file system has the file Shell.
	ShellExists bool
}

// IDRange is a line of /proc/PID/uid_map.
type IDRange struct {
	Inside, Outside, Count uint32
}

// Filter is a seccomp filter: a classic BPF program.
type Filter struct {
	Program  []seccomp.Instruction
	Flags    uint32 // SECCOMP_FILTER_FLAG_…
	Compiled bool   // from the profile, not copied
}

// Cgroup is a cgroup in one hierarchy.
type Cgroup struct {
	// Hierarchy names its controllers as /proc/PID/cgroup does: "memory",
	// "cpu,cpuacct", "name=systemd", or "" for cgroup v2.
	Hierarchy string `json:"hierarchy"`
	// Path is relative to the hierarchy's root.
	Path string `json:"path"`
	// Frozen means that its processes are frozen. Beside means that the command does not join it for that reason: it
	// is in a new group beside it (cgroup v2), or in none of the freezer's (cgroup v1).
	Frozen bool `json:"-"`
	Beside bool `json:"beside,omitempty"`
}
