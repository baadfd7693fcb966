package plan_test

import (
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// The user namespaces of the tests: the host's, a child of it owned by uid 1000, and
// another.
var (
	onHost   = plan.UserNamespace{ID: ns.ID{Dev: 4, Ino: 1}}
	remapped = plan.UserNamespace{ID: ns.ID{Dev: 4, Ino: 2}, Owner: 1000}
	another  = plan.UserNamespace{ID: ns.ID{Dev: 4, Ino: 3}}
)

// TestHostileTable in plugin compares the rule with the kernel itself, for containers with each
// capability.
func TestReaches(t *testing.T) {
	all := ^plan.CapSet(0)
	byDefault := capSet("chown", "setuid", "setgid", "kill", "sys_chroot")
	root := []uint32{0}
	host := []plan.UserNamespace{onHost}
	inRemapped := []plan.UserNamespace{remapped, onHost}
	for _, row := range []struct {
		name    string
		watcher plan.Watcher
		child   plan.Child
		want    plan.Reach
	}{
		{
			"the host's root has capabilities that a container lacks",
			plan.Watcher{User: onHost.ID, Capabilities: byDefault, UIDs: root, GIDs: root, AnyID: true},
			plan.Child{Permitted: all, Users: host},
			plan.Unreached,
		},
		{
			"a user of the host has none, and a container's root can become it",
			plan.Watcher{User: onHost.ID, Capabilities: byDefault, UIDs: root, GIDs: root},
			plan.Child{UID: 1000, GID: 1000, Users: host},
			plan.Opened,
		},
		{
			"without CAP_SETUID it can't",
			plan.Watcher{User: onHost.ID, Capabilities: capSet("setgid"), UIDs: root, GIDs: root},
			plan.Child{UID: 1000, GID: 1000, Users: host},
			plan.Unreached,
		},
		{
			"without CAP_SETGID it can't have the group",
			plan.Watcher{User: onHost.ID, Capabilities: capSet("setuid"), UIDs: root, GIDs: root},
			plan.Child{UID: 1000, GID: 1000, Users: host},
			plan.Unreached,
		},
		{
			"by a set-user-ID program it can have both",
			plan.Watcher{User: onHost.ID, UIDs: root, GIDs: root, AnyID: true},
			plan.Child{UID: 1000, GID: 1000, Users: host},
			plan.Opened,
		},
		{
			"a process of the same user without capabilities",
			plan.Watcher{User: onHost.ID, UIDs: []uint32{1000}, GIDs: []uint32{1000}},
			plan.Child{UID: 1000, GID: 1000, Users: host},
			plan.Opened,
		},
		{
			"CAP_SYS_PTRACE is enough",
			plan.Watcher{User: onHost.ID, Capabilities: capSet("sys_ptrace"), UIDs: []uint32{1000}, GIDs: []uint32{1000}},
			plan.Child{Permitted: all, Users: host},
			plan.Opened,
		},
		{
			"CAP_SYS_ADMIN reads",
			plan.Watcher{User: onHost.ID, Capabilities: capSet("sys_admin"), UIDs: root, GIDs: root},
			plan.Child{Permitted: all, Users: host},
			plan.Read,
		},
		{
			"so does CAP_PERFMON",
			plan.Watcher{User: onHost.ID, Capabilities: capSet("perfmon"), UIDs: root, GIDs: root},
			plan.Child{Permitted: all, Users: host},
			plan.Read,
		},
		{
			"neither does so from a user namespace beneath",
			plan.Watcher{User: remapped.ID, Capabilities: all, UIDs: root, GIDs: root},
			plan.Child{Permitted: all, Users: host},
			plan.Unreached,
		},
		{
			"all capabilities in a user namespace beneath are none over the host's",
			plan.Watcher{User: remapped.ID, Capabilities: all, UIDs: []uint32{1000}, GIDs: []uint32{1000}, AnyID: true},
			plan.Child{UID: 1000, GID: 1000, Users: host},
			plan.Unreached,
		},
		{
			"CAP_SYS_PTRACE above is one beneath",
			plan.Watcher{User: onHost.ID, Capabilities: capSet("sys_ptrace"), UIDs: []uint32{7}, GIDs: []uint32{7}},
			plan.Child{UID: -1, GID: -1, Permitted: all, Users: inRemapped},
			plan.Opened,
		},
		{
			"the owner of a user namespace has all rights in it",
			plan.Watcher{User: onHost.ID, UIDs: []uint32{1000}, GIDs: []uint32{1000}},
			plan.Child{UID: -1, GID: -1, Permitted: all, Users: inRemapped},
			plan.Opened,
		},
		{
			"another user hasn't",
			plan.Watcher{User: onHost.ID, UIDs: []uint32{7}, GIDs: []uint32{7}},
			plan.Child{UID: -1, GID: -1, Permitted: all, Users: inRemapped},
			plan.Unreached,
		},
		{
			"in the same user namespace, without the capabilities",
			plan.Watcher{User: remapped.ID, Capabilities: byDefault, UIDs: root, GIDs: root, AnyID: true},
			plan.Child{UID: -1, GID: -1, Permitted: all, Users: inRemapped},
			plan.Unreached,
		},
		{
			"in another one that the host's root made",
			plan.Watcher{User: another.ID, Capabilities: all, UIDs: root, GIDs: root, AnyID: true},
			plan.Child{UID: -1, GID: -1, Permitted: all, Users: inRemapped},
			plan.Unreached,
		},
		{
			"what isn't known is reached",
			plan.Watcher{User: another.ID},
			plan.Child{Permitted: all},
			plan.Opened,
		},
	} {
		if got := row.watcher.Reaches(row.child); got != row.want {
			t.Errorf("%s: %d, want %d", row.name, got, row.want)
		}
	}
}
