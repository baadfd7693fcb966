package plan

import (
	"slices"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// Watcher is what processes that see a command have, all of one user namespace together.
// A process sees those of its own pid namespace and of the ones beneath it.
type Watcher struct {
	User ns.ID // their user namespace
	// Capabilities are those that any of them has or can still get: permitted and
	// bounding sets.
	Capabilities CapSet
	// UIDs and GIDs are those that they have, as the helper's user namespace numbers
	// them. With CAP_SETUID and CAP_SETGID they can have all.
	UIDs, GIDs []uint32
	// AnyID says that they can have all without: by a set-user-ID program of theirs.
	AnyID bool
}

// Child is a process of ours as the kernel judges who may open it. It is dumpable, as a
// process is that has executed a program.
type Child struct {
	UID, GID  int64 // as the helper's user namespace numbers them; -1 for not known
	Permitted CapSet
	// Users is its user namespace and those above it, up to the helper's.
	Users []UserNamespace
}

// UserNamespace is a user namespace and who made it, user_namespaces(7).
type UserNamespace struct {
	ID    ns.ID
	Owner uint32 // uid, as the helper's user namespace numbers it
}

// Reach is how far a watcher gets.
type Reach int

// How far a watcher gets.
const (
	// Unreached lets it see the process, its command line and its status. It may signal
	// one of its own user, and read what /proc/PID/net and mounts tell of its namespaces.
	Unreached Reach = iota
	// Read lets it read the environment and the map of the memory.
	Read
	// Opened lets it open root, descriptors and memory, trace the process, and join its
	// namespaces as far as it has the rights.
	Opened
)

// The bits of capabilities that the kernel asks for.
const (
	capSetgid    CapSet = 1 << 6
	capSetuid    CapSet = 1 << 7
	capSysPtrace CapSet = 1 << 19
	capPerfmon   CapSet = 1 << 38
)

// Reaches is the kernel's own rule: __ptrace_may_access of kernel/ptrace.c,
// cap_ptrace_access_check and cap_capable of security/commoncap.c, and may_access_mm of
// kernel/fork.c. A security module may forbid more.
//
//   - It has CAP_SYS_PTRACE over the process: in its user namespace or in one above,
//     or as the owner of its user namespace in the one above.
//   - Or it is in the same user namespace, can have its uid and gid, and has all
//     capabilities that the process has.
//   - CAP_PERFMON and CAP_SYS_ADMIN in the uppermost user namespace read without that.
func (w Watcher) Reaches(c Child) Reach {
	if len(c.Users) == 0 {
		return Opened // nothing is known
	}
	if w.traces(c.Users) {
		return Opened
	}
	for i, user := range c.Users {
		above := i+1 < len(c.Users) && w.User == c.Users[i+1].ID
		if above && has(w.UIDs, w.all(capSetuid), int64(user.Owner)) {
			return Opened
		}
	}
	same := has(w.UIDs, w.all(capSetuid), c.UID) && has(w.GIDs, w.all(capSetgid), c.GID)
	if w.User == c.Users[0].ID && same && c.Permitted&^w.Capabilities == 0 {
		return Opened
	}
	if w.User == c.Users[len(c.Users)-1].ID && w.Capabilities&(capPerfmon|CapSysAdmin) != 0 {
		return Read
	}
	return Unreached
}

// traces tells whether it has CAP_SYS_PTRACE over a process that has the first of these user
// namespaces, so that it opens one that is not dumpable, too.
func (w Watcher) traces(users []UserNamespace) bool {
	return w.Capabilities&capSysPtrace != 0 &&
		slices.ContainsFunc(users, func(user UserNamespace) bool { return w.User == user.ID })
}

// all tells whether it can have all ids that it takes this capability to choose.
func (w Watcher) all(choose CapSet) bool { return w.AnyID || w.Capabilities&choose != 0 }

// has tells whether an id is one of a watcher's. One that isn't known is.
func has(list []uint32, all bool, id int64) bool {
	return all || id < 0 || slices.Contains(list, uint32(id))
}
