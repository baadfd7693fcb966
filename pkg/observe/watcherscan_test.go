//go:build linux

package observe

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// A process that ends before it is read may have left a child. The child is found, however often this happens.
func TestScanFindsChildrenOfEndedProcesses(t *testing.T) {
	dir := t.TempDir()
	add := func(pid int) {
		if err := os.Mkdir(filepath.Join(dir, strconv.Itoa(pid)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	add(1)
	add(10)
	var seen []int
	looked := make(map[int]bool)
	look := func(pid int) error {
		seen = append(seen, pid)
		if pid < 10 || pid == 15 {
			return nil
		}
		if err := os.Remove(filepath.Join(dir, strconv.Itoa(pid))); err != nil {
			t.Fatal(err)
		}
		add(pid + 1)
		return fmt.Errorf("it has ended: %w", []error{unix.ENOENT, unix.ESRCH}[pid%2])
	}
	rounds := 0
	for missed := true; missed && rounds < 10; rounds++ {
		var err error
		if missed, err = scanOnce(dir, "process", looked, look); err != nil {
			t.Fatal(err)
		}
	}
	if slices.Sort(seen); !slices.Equal(seen, []int{1, 10, 11, 12, 13, 14, 15}) {
		t.Errorf("%v were looked at, in %d rounds", seen, rounds)
	}
	if missed, err := scanOnce(dir, "process", make(map[int]bool), func(int) error { return unix.EACCES }); err == nil {
		t.Errorf("an unreadable process is not an error, missed: %t", missed)
	}
}

// A process that had ended when it was read may have been alive when it was listed.
func TestEndedProcessesAreListedTwice(t *testing.T) {
	w := &watcherScan{ended: make(map[int]bool)}
	if err := w.endedBefore(7); err == nil {
		t.Error("the first time it is no error")
	}
	if err := w.endedBefore(7); err != nil {
		t.Error(err)
	}
}

// Two processes that have all capabilities only together are not taken for a privileged one, which counts for nothing.
func TestWatchersAreNotAddedUpToAPrivilegedOne(t *testing.T) {
	const admin, all = plan.CapSysAdmin, ^plan.CapSet(0)
	user := ns.ID{Ino: 1}
	for _, row := range []struct {
		name string
		of   plan.CapSet // of the machine's root
		caps []plan.CapSet
		want int // number of watchers that remain
	}{
		{"all but one, and that one", all, []plan.CapSet{all &^ admin, admin}, 2},
		{"that one, and all but one", all, []plan.CapSet{admin, all &^ admin}, 2},
		{"two privileged ones", all, []plan.CapSet{all, all}, 1},
		{"a privileged one and one with fewer", all, []plan.CapSet{all, admin, all}, 2},
		{"all of a restricted machine", admin | 7, []plan.CapSet{admin, 7}, 2},
		{"two with few", all, []plan.CapSet{admin, 1, 3}, 1},
	} {
		w := &watcherScan{users: []plan.UserNamespace{{ID: user}}, all: row.of}
		for _, caps := range row.caps {
			w.add(plan.Watcher{User: user, Capabilities: caps})
		}
		if len(w.found) != row.want {
			t.Errorf("%s: %+v, want %d watchers", row.name, w.found, row.want)
		}
	}
}

// Only processes with SYS_PTRACE count without seeing the command, and not those of a privileged container. Of several,
// the plan gets the capabilities that all have: a command that has more gives one of them a right.
func TestOutsideWatchers(t *testing.T) {
	p, err := OpenProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.release)
	const trace = plan.CapSet(1 << unix.CAP_SYS_PTRACE)
	user, other := ns.ID{Ino: 1}, ns.ID{Ino: 2}
	w := &watcherScan{users: []plan.UserNamespace{{ID: other}, {ID: user}}, all: ^plan.CapSet(0)}
	for _, row := range []struct {
		caps        plan.CapSet
		user        ns.ID
		readThreads bool
		found       []plan.CapSet
	}{
		{plan.CapSysAdmin, user, true, nil},
		{^plan.CapSet(0), user, false, nil},
		{trace | 1, user, false, []plan.CapSet{trace | 1}},
		{trace | 2, user, false, []plan.CapSet{trace}},
		{^plan.CapSet(0), other, false, []plan.CapSet{trace, ^plan.CapSet(0)}},
	} {
		threads, err := w.addOutside(p, plan.Watcher{User: row.user, Capabilities: row.caps})
		var caps []plan.CapSet
		for _, f := range w.found {
			caps = append(caps, f.Capabilities)
			if f.Outside != p.PID {
				t.Errorf("%+v", f)
			}
		}
		if err != nil || threads != row.readThreads || !slices.Equal(caps, row.found) {
			t.Errorf("%x: threads are read: %t, %v; found %x, want %x", row.caps, threads, err, caps, row.found)
		}
	}
}

// Each container outside is named, and their number is limited. A name counts only where the container cannot choose it.
func TestOutsideWatchersAreNamed(t *testing.T) {
	const trace = plan.CapSet(1 << unix.CAP_SYS_PTRACE)
	user := ns.ID{Ino: 1}
	w := &watcherScan{users: []plan.UserNamespace{{ID: user}}, all: ^plan.CapSet(0)}
	add := func(cgroup string) plan.Watcher {
		t.Helper()
		p := procDir(t, map[string]string{"cgroup": cgroup})
		if _, err := w.addOutside(p, plan.Watcher{User: user, Capabilities: trace}); err != nil {
			t.Fatal(err)
		}
		return w.found[len(w.found)-1]
	}
	if got := add("0::/docker/" + webID + "/docker/" + appID + "\n"); got.Container != webID || got.More {
		t.Errorf("%+v", got)
	}
	if add("0::/docker/" + webID + "\n"); len(w.found) != 1 {
		t.Errorf("%+v", w.found)
	}
	if got := add("0::/\n"); got.Container != "" || got.More {
		t.Errorf("%+v", got)
	}
	if got := add("0::/system.slice\n"); len(w.found) != 2 || !got.More {
		t.Errorf("%+v", w.found)
	}
	var last plan.Watcher
	for i := range 100 {
		last = add(fmt.Sprintf("0::/docker/%064x\n", i))
	}
	if len(w.found) != maxOutside || !last.More {
		t.Errorf("%d are told apart, the last is %+v", len(w.found), last)
	}
}

// A new user namespace belongs to who made it: processes of that user above it can trace what is in it, without SYS_PTRACE.
func TestOwnerOutside(t *testing.T) {
	user := ns.ID{Ino: 1}
	users := []plan.UserNamespace{{Owner: 0}, {ID: user}}
	p := procDir(t, map[string]string{"cgroup": "0::/docker/" + webID + "\n"})
	const setuid, other = plan.CapSet(1 << unix.CAP_SETUID), plan.CapSet(1)
	owner := plan.Watcher{User: user, UIDs: []uint32{0}, GIDs: []uint32{0}, Capabilities: other}
	stranger := plan.Watcher{User: user, UIDs: []uint32{1000}, GIDs: []uint32{1000}}
	able, anyone := stranger, stranger
	able.Capabilities, anyone.AnyID = setuid, true
	for _, row := range []struct {
		name string
		list []plan.Watcher
		want int
	}{
		{"a stranger", []plan.Watcher{stranger}, 0},
		{"the owner", []plan.Watcher{stranger, owner}, 1},
		// Before, the second took the first one's capability to get the owner's uid.
		{"the owner after one that can get its uid", []plan.Watcher{able, owner}, 1},
		{"the owner before one that can get its uid", []plan.Watcher{owner, able}, 1},
		{"two that can get its uid in two ways", []plan.Watcher{able, anyone}, 1},
		{"the same in the other order", []plan.Watcher{anyone, able}, 1},
	} {
		w := &watcherScan{users: users, all: ^plan.CapSet(0)}
		for _, found := range row.list {
			if _, err := w.addOutside(p, found); err != nil {
				t.Fatal(err)
			}
		}
		if len(w.found) != row.want || row.want > 0 && !w.found[0].Traces(users) {
			t.Errorf("%s: %+v", row.name, w.found)
		}
	}
}

func TestHasHostRoot(t *testing.T) {
	host, err := idAt(unix.AT_FDCWD, "/")
	if err != nil {
		t.Fatal(err)
	}
	w := &watcherScan{root: host}
	for target, want := range map[string]bool{"/": true, t.TempDir(): false, "/proc": false} {
		p := procDir(t, nil)
		if err := os.Symlink(target, filepath.Join(p.dir.Name(), "root")); err != nil {
			t.Fatal(err)
		}
		if has, readOnly, err := w.hasHostRoot(int(p.dir.Fd())); err != nil || has != want || readOnly && !want {
			t.Errorf("%s: %t, %t, %v", target, has, readOnly, err)
		}
	}
	if _, _, err := w.hasHostRoot(int(procDir(t, nil).dir.Fd())); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a process that has ended: %v", err)
	}
}

// restrictedProcess is a process that has SYS_PTRACE in its bounding set.
func restrictedProcess(t *testing.T, cgroup string, permitted plan.CapSet, limited, filtered int) *Process {
	t.Helper()
	const status = "CapBnd:\t%[1]x\nCapPrm:\t%[2]x\nCapEff:\t0\nCapInh:\t0\nCapAmb:\t0\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nNoNewPrivs:\t%[3]d\nSeccomp:\t%[4]d\n"
	p := procDir(t, map[string]string{"cgroup": cgroup, "status": fmt.Sprintf(status, 1<<unix.CAP_SYS_PTRACE, uint64(permitted), limited, filtered)})
	link := filepath.Join(p.dir.Name(), "ns/user")
	if err := errors.Join(os.Mkdir(filepath.Dir(link), 0o755), os.Symlink("/proc/self/ns/user", link)); err != nil {
		t.Fatal(err)
	}
	return p
}

// The restrictions of another container's processes in the same pid namespace count as well as those of the configured one.
// What a process of the configured container has set itself does not restrict the others there.
func TestRestrictionsOfWatchers(t *testing.T) {
	user, err := idAt(unix.AT_FDCWD, "/proc/self/ns/user")
	if err != nil {
		t.Fatal(err)
	}
	ofWeb, ofApp, unknown := "0::/docker/"+webID+"\n", "0::/docker/"+appID+"/docker/"+webID+"\n", "0::/\n"
	plain := plan.Watcher{User: user, Capabilities: 1 << unix.CAP_SYS_PTRACE, AnyID: true}
	restricted := plain
	restricted.AnyID, restricted.NoNewPrivileges, restricted.Filtered = false, true, true
	for _, row := range []struct {
		name              string
		container         string
		web               plan.Watcher
		cgroup            string
		limited, filtered int
		wantNNP, wantSecc bool
	}{
		{"another container with no_new_privs", webID, plain, ofApp, 1, 0, true, false},
		{"another container with a profile", webID, plain, ofApp, 0, 2, false, true},
		{"another container without", webID, restricted, ofApp, 0, 0, false, false},
		{"a process of web that has restricted itself", webID, plain, ofWeb, 1, 2, false, false},
		{"a process of web, which is restricted", webID, restricted, ofWeb, 0, 0, true, true},
		{"a restricted process of an unknown container", webID, plain, unknown, 1, 2, true, true},
		{"a process of an unknown container", webID, restricted, unknown, 0, 0, true, true},
		{"a process of --pid pid:N", "", plan.Watcher{}, ofWeb, 1, 2, true, true},
	} {
		w := &watcherScan{users: []plan.UserNamespace{{ID: user}}, all: ^plan.CapSet(0), configured: row.web, container: row.container}
		w.add(row.web)
		p := restrictedProcess(t, row.cgroup, 0, row.limited, row.filtered)
		found, _, err := p.readWatcher(int(p.dir.Fd()))
		if err == nil {
			err = w.addInside(p, found)
		}
		if err != nil || w.found[0].NoNewPrivileges != row.wantNNP || w.found[0].Filtered != row.wantSecc {
			t.Errorf("%s: %+v, %v", row.name, w.found, err)
		}
		if same := row.web.NoNewPrivileges == row.wantNNP && row.web.Filtered == row.wantSecc; (len(w.found) == 1) != (same || row.container == "") {
			t.Errorf("%s: %+v", row.name, w.found)
		}
	}
}

// Those of processes outside count, too. With no_new_privs a process gets no capability of its bounding set.
func TestRestrictionsOutside(t *testing.T) {
	user, err := idAt(unix.AT_FDCWD, "/proc/self/ns/user")
	if err != nil {
		t.Fatal(err)
	}
	w := &watcherScan{users: []plan.UserNamespace{{ID: user}}, all: ^plan.CapSet(0)}
	for _, row := range []struct {
		permitted         plan.CapSet
		limited, filtered int
		want              int // watchers
	}{
		{0, 1, 2, 0},
		{1 << unix.CAP_SYS_PTRACE, 0, 0, 1},
		{1 << unix.CAP_SYS_PTRACE, 1, 2, 1},
	} {
		p := restrictedProcess(t, "0::/docker/"+webID+"\n", row.permitted, row.limited, row.filtered)
		found, _, err := p.readWatcher(int(p.dir.Fd()))
		if err == nil {
			_, err = w.addOutside(p, found)
		}
		if err != nil || len(w.found) != row.want {
			t.Errorf("%+v: %+v, %v", row, w.found, err)
		}
	}
	if got := w.found[0]; !got.NoNewPrivileges || !got.Filtered {
		t.Errorf("%+v", got)
	}
}
