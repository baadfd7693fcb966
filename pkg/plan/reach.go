package plan

import (
	"slices"
	"strconv"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// Watcher describes the rights of all processes of one user namespace that can see a command.
// A process sees the processes in its pid namespace and in the namespace's descendants.
type Watcher struct {
	User ns.ID // their user namespace
	// Capabilities is the union of their permitted and bounding sets: what any of them has
	// or can get.
	Capabilities CapSet
	// UIDs and GIDs are their ids in the helper's user namespace. With CAP_SETUID and
	// CAP_SETGID they can get any.
	UIDs, GIDs []uint32
	// AnyID means that they can get any id without those, by a set-user-ID program.
	AnyID bool
	// NoNewPrivileges and Filtered are restrictions that their container was configured with, or, of other containers, that they
	// have: they gain no rights by execve(2), and a seccomp filter forbids them calls. A command without one has more than
	// they have.
	NoNewPrivileges, Filtered bool
	// Outside is one of them, if they do not see the command, but could trace it: they can open it once a process that
	// sees it has passed them a descriptor of its /proc. It is 0 for those that see it.
	Outside int
	// Container is the ID of that process's container, or "".
	Container string
	// More means that those outside are not all of that container.
	More bool
}

// who names the watchers in a message.
func (w Watcher) who() string {
	if w.Outside == 0 {
		return "processes there"
	}
	return "processes " + w.whose()
}

// whose names to whom those outside belong.
func (w Watcher) whose() string {
	text := "of another pid namespace"
	if w.Container != "" {
		text = "of container " + w.Container[:12]
	}
	text += " (" + strconv.Itoa(w.Outside) + ")"
	if w.More {
		text += " and others"
	}
	return text
}

// whose names the processes of source, and those of the watchers outside that count.
func whose(source string, watchers []Watcher, counts func(Watcher) bool) string {
	text := []byte("processes of " + source)
	for _, w := range watchers {
		if w.Outside != 0 && counts(w) {
			text = append(text, ", "+w.whose()...)
		}
	}
	return string(text)
}

// Child holds the credentials of the command by which the kernel decides who may open it. It
// is dumpable, like any process after execve(2).
type Child struct {
	UID, GID  int64 // in the helper's user namespace; -1 if unknown
	Permitted CapSet
	// Users is its user namespace and the ancestors, up to the helper's.
	Users []UserNamespace
}

// UserNamespace is a user namespace and its owner, user_namespaces(7).
type UserNamespace struct {
	ID    ns.ID
	Owner uint32 // uid in the helper's user namespace
}

// Reach is the access that a watcher has to a process.
type Reach int

// The values of Reach, in ascending order.
const (
	// Unreached means that it sees the process, its command line and its status. It can signal
	// a process of its own user, and read /proc/PID/net and /proc/PID/mounts.
	Unreached Reach = iota
	// Read means that it can also read the environment and the memory map.
	Read
	// Opened means that it can also open the root, descriptors and memory, trace the process, and
	// join its namespaces as far as its rights allow.
	Opened
)

// The capabilities that the kernel checks, and that profiles add.
const (
	capSetgid    CapSet = 1 << 6
	capSetuid    CapSet = 1 << 7
	capNetAdmin  CapSet = 1 << 12
	capNetRaw    CapSet = 1 << 13
	capSysPtrace CapSet = 1 << 19
	capPerfmon   CapSet = 1 << 38
)

// Reaches applies the kernel's rule: __ptrace_may_access in kernel/ptrace.c,
// cap_ptrace_access_check and cap_capable in security/commoncap.c, and may_access_mm in
// kernel/fork.c. A security module may forbid more.
//
//   - A watcher opens the process if it has CAP_SYS_PTRACE over it: in the process's user
//     namespace or an ancestor, or as the owner of the user namespace in its parent.
//   - It also opens the process if it is in the same user namespace, can get its uid and gid,
//     and has all capabilities that the process has.
//   - CAP_PERFMON and CAP_SYS_ADMIN in the topmost user namespace suffice to read.
func (w Watcher) Reaches(c Child) Reach {
	if len(c.Users) == 0 {
		return Opened // unknown: assume the worst
	}
	if w.Traces(c.Users) {
		return Opened
	}
	same := canHave(w.UIDs, w.anyID(capSetuid), c.UID) && canHave(w.GIDs, w.anyID(capSetgid), c.GID)
	if w.User == c.Users[0].ID && same && c.Permitted&^w.Capabilities == 0 {
		return Opened
	}
	if w.User == c.Users[len(c.Users)-1].ID && w.Capabilities&(capPerfmon|CapSysAdmin) != 0 {
		return Read
	}
	return Unreached
}

// Traces reports whether the watcher has CAP_SYS_PTRACE over a dumpable process in the first of these user namespaces:
// it was given that, or can own one of them.
func (w Watcher) Traces(users []UserNamespace) bool { return w.isTracer(users) || w.owns(users) }

// owns reports whether the watcher can be the owner, from the namespace above, of the first of these user namespaces or of
// one above that. Then it has all capabilities there.
func (w Watcher) owns(users []UserNamespace) bool {
	for i := range len(users) - 1 {
		if w.User == users[i+1].ID && canHave(w.UIDs, w.anyID(capSetuid), int64(users[i].Owner)) {
			return true
		}
	}
	return false
}

// isTracer reports whether the watcher was given CAP_SYS_PTRACE over a process in the first of these user namespaces.
// Then it can open the process even if that is not dumpable.
func (w Watcher) isTracer(users []UserNamespace) bool {
	return w.Capabilities&capSysPtrace != 0 &&
		slices.ContainsFunc(users, func(user UserNamespace) bool { return w.User == user.ID })
}

// anyID reports whether the watcher can get any id. setid is the capability for that.
func (w Watcher) anyID(setid CapSet) bool { return w.AnyID || w.Capabilities&setid != 0 }

// canHave reports whether a watcher can get an id. An unknown id, -1, counts as one that it can get.
func canHave(list []uint32, anyID bool, id int64) bool {
	return anyID || id < 0 || slices.Contains(list, uint32(id))
}
