//go:build linux

package observe

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

var (
	webID = strings.Repeat("1f", 32)
	appID = strings.Repeat("2e", 32)
	dbID  = strings.Repeat("3d", 32)
)

// A process in a container can start a child, and make a directory with the name of another container's bundle.
// But it has its child's mount namespace, or is in a container's cgroup.
func TestShimThatIsInAContainerIsRefused(t *testing.T) {
	bundle := filepath.Join(t.TempDir(), webID)
	write(t, filepath.Join(bundle, "config.json"), `{"process":{"cwd":"/"}}`)
	t.Chdir(bundle)
	for name, p := range map[string]*Process{
		"the mount namespace of its child":     withCgroup(t, openTestProcess(t, running(t, "cat").Process.Pid), "0::/docker/"+webID+"\n"),
		"a child in another container's group": contained(t, "0::/docker/"+appID+"\n"),
		"a child in a group with its name":     contained(t, "0::/docker/"+appID+"/docker/"+webID+"\n"),
	} {
		if shim, err := p.shim(webID, ""); !errors.Is(err, errNotContainer) || shim != nil {
			t.Errorf("%s: %+v, %v; want %v", name, shim, err, errNotContainer)
		}
	}
	shim, err := contained(t, "0::/docker/"+webID+"\n").shim(webID, "")
	if err != nil {
		t.Fatalf("the real shim: %v", err)
	}
	shim.Pidfd.Close()
}

// fakeProcess makes a process with the given mount namespace and cgroups.
func fakeProcess(t *testing.T, mnt, cgroup string) *Process {
	t.Helper()
	return fakeShim(t, mnt, cgroup, "000001ffffffffff", "self", "self")
}

// fakeShim makes a process with the given capabilities too. user and pid name its user and pid namespace, and "self" that
// of the test.
func fakeShim(t *testing.T, mnt, cgroup, caps, user, pid string) *Process {
	t.Helper()
	status := "PPid:\t1\n"
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
		status += set + ":\t" + caps + "\n"
	}
	p := procDir(t, map[string]string{"cgroup": cgroup, "status": status})
	if err := os.Mkdir(filepath.Join(p.dir.Name(), "ns"), 0o755); err != nil {
		t.Fatal(err)
	}
	for kind, link := range map[string]string{"mnt": "mnt:[" + mnt + "]", "user": user, "pid": pid} {
		if link == "self" {
			var err error
			if link, err = os.Readlink("/proc/self/ns/" + kind); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(link, filepath.Join(p.dir.Name(), "ns", kind)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func TestShimInContainer(t *testing.T) {
	for _, row := range []struct {
		name             string
		mounts           bool // the shim has p's mount namespace
		container, shims string
		parent           string // --cgroup-parent
		want             bool
	}{
		{"nothing", false, "0::/docker/" + webID, "0::/system.slice/docker.service", "", false},
		{"mounts", true, "0::/docker/" + webID, "0::/", "", true},
		{"a group that p's container names", false, "0::/docker/" + webID, "0::/docker/" + webID, "", true},
		{"a group that another container names", false, "0::/docker/" + appID, "0::/", "", true},
		{"a group that a nested container names", false, "0::/docker/" + webID + "/docker/" + appID, "0::/docker/" + webID, "", true},
		{"one hierarchy of two", false, "4:memory:/docker/" + webID + "\n3:pids:/a", "4:memory:/docker/" + webID + "\n3:pids:/b", "", true},
		{"the path of another hierarchy", false, "4:memory:/docker/" + webID, "3:pids:/docker/" + webID, "", false},
		// An engine in a container: the inner container's groups are below the outer one's.
		{"the group that the engine is in", false, "0::/docker/" + appID + "/docker/" + webID, "0::/docker/" + appID, "", false},
		// docker run --cgroup-parent, or an engine without the hierarchy: the name does not show the owner.
		{"a group that no container names", false, "0::/a\n4:memory:/docker/" + webID, "0::/a\n4:memory:/", "", false},
		{"a group beneath the container's", false, "0::/docker/" + webID + "/init.scope", "0::/system.slice", "", false},
		{"the same, with another container's name", false, "0::/docker/" + webID + "/" + appID, "0::/system.slice", "", false},
		{"a shim beneath the container's group", false, "0::/docker/" + webID + "/a", "0::/docker/" + webID + "/b", "", true},
		// A container with groups of its own makes one that is named like another container.
		{"a group that a container made below its own", false, "0::/docker/" + appID + "/" + webID, "0::/", "", true},
		{"the same, with its parent in another container's name", false, "0::/docker/" + appID + "/" + webID, "0::/docker/" + appID + "/" + webID, "", true},
		// A container in a pod of Podman: conmon is in the pod's groups, but for the hierarchies without a controller.
		{
			"a pod", false, "4:memory:/libpod_parent/" + appID + "/libpod-" + webID + "\n0::/libpod_parent/" + appID + "/libpod-" + webID,
			"4:memory:/libpod_parent/" + appID + "/conmon\n0::/", "", false,
		},
		{"a container of Podman's in no pod", false, "0::/libpod_parent/libpod-" + webID, "0::/libpod_parent/libpod-conmon-" + webID, "", false},
		{"a process of another one of Podman's", false, "0::/libpod_parent/libpod-" + appID, "0::/libpod_parent/libpod-" + appID, "", true},
		{"the same in a container", false, "0::/docker/" + appID + "/libpod_parent/" + appID + "/" + webID, "0::/", "", true},
		// Podman with systemd: conmon's scope has the ID in its name. Before, it was taken for the container's.
		{"conmon in its scope", false, "0::/machine.slice/libpod-" + webID + ".scope/container", "0::/machine.slice/libpod-conmon-" + webID + ".scope", "machine.slice", false},
		{
			"the same, in a pod", false, "0::/machine.slice/machine-libpod_pod_" + appID + ".slice/libpod-" + webID + ".scope",
			"0::/machine.slice/machine-libpod_pod_" + appID + ".slice/libpod-conmon-" + webID + ".scope", "", false,
		},
		{
			"the same, of a user", false, "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + webID + ".scope",
			"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-conmon-" + webID + ".scope", "user.slice", false,
		},
		{"a group of such a name below a container's", false, "0::/docker/" + webID, "0::/docker/" + webID + "/libpod-conmon-" + appID + ".scope", "", true},
		// docker run --cgroup-parent /docker/ID: the engine alone says that it was so.
		{"below another container", false, "0::/docker/" + appID + "/" + webID, "0::/system.slice/docker.service", "/docker/" + appID, false},
		{"the same, by an engine in a container", false, "0::/docker/" + dbID + "/docker/" + appID + "/" + webID, "0::/docker/" + dbID, "/docker/" + appID, false},
		{"the same, with a process of that container for its shim", false, "0::/docker/" + appID + "/" + webID, "0::/docker/" + appID + "/" + webID, "/docker/" + appID, true},
		{"a group that another container made", false, "0::/docker/" + dbID + "/" + webID, "0::/", "/docker/" + appID, true},
		{"a group below the one that the engine made", false, "0::/docker/" + appID + "/" + dbID + "/" + webID, "0::/", "/docker/" + appID, true},
		{"below the same container, by an engine elsewhere", false, "0::/docker/" + appID + "/" + webID, "0::/docker/" + dbID, "/docker/" + appID, true},
		{"no hierarchy", false, "", "", "", false},
	} {
		mnt := "4026531832"
		if row.mounts {
			mnt = "4026532111"
		}
		got, err := fakeProcess(t, "4026532111", row.container+"\n").shimInContainer(fakeProcess(t, mnt, row.shims+"\n"), webID, row.parent)
		if err != nil || got != row.want {
			t.Errorf("%s: %v, %v; want %v", row.name, got, err, row.want)
		}
	}
}

// A shim has the rights to make containers. A process of a container has them only in a user namespace of its own.
func TestShimHasRights(t *testing.T) {
	const all, docker, admin = "000001ffffffffff", "00000000a80425fb", "00000000a82425fb"
	const outer, inner = "0::/docker/2e", "0::/docker/2e/docker/1f"
	for _, row := range []struct {
		name            string
		p, cgroup, caps string
		user, pid       string
		inside          bool
	}{
		{"root's engine", "0::/docker/1f", "0::/", all, "self", "self", false},
		{"an engine that lacks some", "0::/docker/1f", "0::/", admin, "self", "self", false},
		{"a rootless engine", "0::/docker/1f", "0::/", all, "user:[1]", "self", false},
		{"one in a privileged container", inner, outer, all, "self", "pid:[1]", false},
		{"Podman with systemd", "0::/machine.slice/libpod-1f.scope", "0::/machine.slice/libpod-conmon-1f.scope", all, "self", "self", false},
		{"the same, of a user", "0::/user.slice/libpod-1f.scope", "0::/user.slice/libpod-conmon-1f.scope", all, "user:[1]", "self", false},
		{"the same, in a pod", "0::/machine-libpod_pod_2e.slice/libpod-1f.scope", "0::/machine-libpod_pod_2e.slice/libpod-conmon-1f.scope", all, "user:[1]", "self", false},
		{"a container that left its cgroups", "0::/docker/1f", "0::/", docker, "self", "pid:[1]", true},
		{"the same, in a user namespace", "0::/docker/1f", "0::/", all, "user:[1]", "pid:[1]", true},
		// Before, these were taken for the engine's: the last ID in the path decided.
		{"a container with SYS_ADMIN that makes cgroups", inner, outer, admin, "self", "pid:[1]", true},
		{"a container that makes cgroups, in a user namespace", inner, outer, all, "user:[1]", "pid:[1]", true},
		{"the same, with the host's processes", inner, outer, all, "user:[1]", "self", true},
	} {
		ids := strings.NewReplacer("1f", webID, "2e", appID)
		shim := fakeShim(t, "1", ids.Replace(row.cgroup)+"\n", row.caps, row.user, row.pid)
		got, err := fakeProcess(t, "2", ids.Replace(row.p)+"\n").shimInContainer(shim, webID, "")
		if err != nil || got != row.inside {
			t.Errorf("%s: %t, %v; want %t", row.name, got, err, row.inside)
		}
	}
}

// On a machine whose root is itself restricted, a privileged container has no more.
func TestShimOnRestrictedMachine(t *testing.T) {
	const restricted = "00000000a82425fb" // with SYS_ADMIN
	shim := fakeShim(t, "1", "0::/docker/"+appID+"\n", restricted, "self", "pid:[1]")
	groups, err := shim.readCgroups()
	if err != nil {
		t.Fatal(err)
	}
	for root, want := range map[plan.CapSet]bool{0xa82425fb: false, 0xa82425fb &^ 1: false, 0xa82425fb | 1<<19: true, 1<<38 - 1: true} {
		if got, err := shim.lacksRights(groups, root); err != nil || got != want {
			t.Errorf("root has %x: %t, %v; want %t", root, got, err, want)
		}
	}
}

// If they cannot be compared, nothing is proved.
func TestUnreadableShimIsAnError(t *testing.T) {
	whole := func() *Process { return fakeProcess(t, "1", "0::/docker/"+webID+"\n") }
	without := func(name string) *Process {
		p := fakeProcess(t, "2", "0::/\n")
		if err := os.Remove(filepath.Join(p.dir.Name(), name)); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, name := range []string{"ns/mnt", "cgroup"} {
		if inside, err := without(name).shimInContainer(whole(), webID, ""); inside || !errors.Is(err, unix.ENOENT) {
			t.Errorf("no %s of the container: %v, %v", name, inside, err)
		}
		if inside, err := whole().shimInContainer(without(name), webID, ""); inside || !errors.Is(err, unix.ENOENT) {
			t.Errorf("no %s of the shim: %v, %v", name, inside, err)
		}
	}
}

func TestContainersInPath(t *testing.T) {
	for path, want := range map[string]string{
		"/docker/" + webID:                                  webID,
		"/system.slice/docker-" + webID + ".scope":          webID,
		"/kubepods/pod1/cri-containerd-" + webID + ".scope": webID,
		"/user.slice/user@1000.service/docker-" + webID:     webID,
		"/docker/" + webID + "/init.scope":                  webID,
		"/docker/" + webID + "/docker/" + appID:             webID + " " + appID,
		"/docker/" + webID + "/docker/" + appID + "/a/b":    webID + " " + appID,
		"/":                                 "",
		"":                                  "",
		"/docker":                           "",
		"/docker/" + webID[:12]:             "",
		"/docker/" + webID[1:]:              "",
		"/docker/" + strings.ToUpper(webID): "",
		"/docker/" + webID[:63] + "g":       "",
		"/docker/" + webID[:32] + "/" + webID[:32]:            "",
		"/system.slice/docker-" + webID + ".service":          "",
		"/system.slice/docker-" + webID + ".scope/x.service/": webID,
	} {
		if got := strings.Join(containersInPath(path), " "); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
