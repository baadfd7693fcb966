//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// predicted checks that the rule that planning follows predicts what an intruder got from a
// child, for every kind of container and child.
func (v *victim) predicted(t *testing.T, seen []loot, init, intruder string) {
	t.Helper()
	if len(seen) == 0 {
		return
	}
	var opened, read bool
	for _, l := range seen {
		opened = opened || l.Got["root"] != "" || l.Got["mem"] != "" || l.Got["ptrace"] != "" || len(l.Files) > 0
		read = read || l.Got["environ"] != "" || l.Got["maps"] != ""
	}
	watcher, child := asWatcher(t, seen[0], init), asChild(t, v.process.pid)
	reach := watcher.Reaches(child)
	// Some capabilities let an intruder read an environment only since Linux 6.1.
	if opened != (reach == plan.Opened) || read && reach == plan.Unreached {
		t.Errorf("%s: intruder %s, %+v: opened the child: %t, read it: %t; by the rule its reach of %+v is %d",
			v.row.name, intruder, watcher, opened, read, child, reach)
	}
}

// asWatcher describes an intruder for the rule. init is the PID of the container's first
// process, whose user namespace the intruder is in.
func asWatcher(t *testing.T, l loot, init string) plan.Watcher {
	t.Helper()
	caps, err := strconv.ParseUint(l.Self["CapPrm"], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Watcher{
		User: userOf(t, init).ID, Capabilities: plan.CapSet(caps),
		UIDs: []uint32{outsideOf(t, init, "uid_map", l.Self["Uid"])}, GIDs: []uint32{outsideOf(t, init, "gid_map", l.Self["Gid"])},
	}
}

// outsideOf maps an ID of a process's user namespace to the ID on this machine.
func outsideOf(t *testing.T, pid, name, id string) uint32 {
	t.Helper()
	text, err := os.ReadFile("/proc/" + pid + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var inside, outside, count uint64
		_, _ = fmt.Sscan(line, &inside, &outside, &count)
		if n >= inside && n < inside+count {
			return uint32(outside + n - inside)
		}
	}
	t.Fatalf("%s of process %s does not map %s", name, pid, id)
	return 0
}

// asChild describes a process for the rule.
func asChild(t *testing.T, pid int) plan.Child {
	t.Helper()
	number := func(field string, base int) uint64 {
		n, err := strconv.ParseUint(statusField(fmt.Sprintf("/proc/%d/status", pid), field), base, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	users := []plan.UserNamespace{userOf(t, strconv.Itoa(pid))}
	if own := userOf(t, "self"); own.ID != users[0].ID {
		users = append(users, own)
	}
	return plan.Child{
		UID: int64(number("Uid", 10)), GID: int64(number("Gid", 10)), Permitted: plan.CapSet(number("CapPrm", 16)), Users: users,
	}
}

// userOf returns a process's user namespace.
func userOf(t *testing.T, pid string) plan.UserNamespace {
	t.Helper()
	f, err := os.Open("/proc/" + pid + "/ns/user")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	owner, err := unix.IoctlGetUint32(int(f.Fd()), unix.NS_GET_OWNER_UID)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := statFD(int(f.Fd()))
	return plan.UserNamespace{ID: ns.ID{Dev: p.Dev, Ino: p.Ino}, Owner: owner}
}
