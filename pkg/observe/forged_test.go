//go:build linux

package observe

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var (
	webID = strings.Repeat("1f", 32)
	appID = strings.Repeat("2e", 32)
)

// A process in a container can start a child, and make a directory with the name of another container's bundle.
// But it has its child's mount namespace, or is in a container's cgroup.
func TestShimThatIsInAContainerIsRefused(t *testing.T) {
	bundle := filepath.Join(t.TempDir(), webID)
	write(t, filepath.Join(bundle, "config.json"), `{"process":{"cwd":"/"}}`)
	t.Chdir(bundle)
	for name, p := range map[string]*Process{
		"the mount namespace of its child":      withCgroup(t, openTestProcess(t, running(t, "cat").Process.Pid), "0::/docker/"+webID+"\n"),
		"a child in another container's group":  contained(t, "0::/docker/"+appID+"\n"),
		"a child in a nested container's group": contained(t, "0::/docker/"+webID+"/docker/"+appID+"\n"),
	} {
		if shim, err := p.shim(webID); !errors.Is(err, errNotContainer) || shim != nil {
			t.Errorf("%s: %+v, %v; want %v", name, shim, err, errNotContainer)
		}
	}
	shim, err := contained(t, "0::/docker/"+webID+"\n").shim(webID)
	if err != nil {
		t.Fatalf("the real shim: %v", err)
	}
	shim.Pidfd.Close()
}

// fakeProcess makes a process with the given mount namespace and cgroups.
func fakeProcess(t *testing.T, mnt, cgroup string) *Process {
	t.Helper()
	p := procDir(t, map[string]string{"cgroup": cgroup})
	if err := errors.Join(os.Mkdir(filepath.Join(p.dir.Name(), "ns"), 0o755),
		os.Symlink("mnt:["+mnt+"]", filepath.Join(p.dir.Name(), "ns/mnt"))); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestShimInContainer(t *testing.T) {
	for _, row := range []struct {
		name             string
		mounts           bool // the shim has p's mount namespace
		container, shims string
		want             bool
	}{
		{"nothing", false, "0::/docker/" + webID, "0::/system.slice/docker.service", false},
		{"mounts", true, "0::/docker/" + webID, "0::/", true},
		{"a group that p's container names", false, "0::/docker/" + webID, "0::/docker/" + webID, true},
		{"a group that another container names", false, "0::/docker/" + appID, "0::/", true},
		{"a group that a nested container names", false, "0::/docker/" + webID + "/docker/" + appID, "0::/", true},
		{"one hierarchy of two", false, "4:memory:/docker/" + webID + "\n3:pids:/a", "4:memory:/docker/" + webID + "\n3:pids:/b", true},
		{"the path of another hierarchy", false, "4:memory:/docker/" + webID, "3:pids:/docker/" + webID, false},
		// An engine in a container: the inner container's groups are below the outer one's.
		{"the group that the engine is in", false, "0::/docker/" + appID + "/docker/" + webID, "0::/docker/" + appID, false},
		// docker run --cgroup-parent, or an engine without the hierarchy: the name does not show the owner.
		{"a group that no container names", false, "0::/a\n4:memory:/docker/" + webID, "0::/a\n4:memory:/", false},
		{"a group beneath the container's", false, "0::/docker/" + webID + "/init.scope", "0::/system.slice", false},
		{"no hierarchy", false, "", "", false},
	} {
		mnt := "4026531832"
		if row.mounts {
			mnt = "4026532111"
		}
		got, err := fakeProcess(t, "4026532111", row.container+"\n").shimInContainer(fakeProcess(t, mnt, row.shims+"\n"), webID)
		if err != nil || got != row.want {
			t.Errorf("%s: %v, %v; want %v", row.name, got, err, row.want)
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
		if inside, err := without(name).shimInContainer(whole(), webID); inside || !errors.Is(err, unix.ENOENT) {
			t.Errorf("no %s of the container: %v, %v", name, inside, err)
		}
		if inside, err := whole().shimInContainer(without(name), webID); inside || !errors.Is(err, unix.ENOENT) {
			t.Errorf("no %s of the shim: %v, %v", name, inside, err)
		}
	}
}

func TestContainerInPath(t *testing.T) {
	for path, want := range map[string]string{
		"/docker/" + webID:                                  webID,
		"/system.slice/docker-" + webID + ".scope":          webID,
		"/kubepods/pod1/cri-containerd-" + webID + ".scope": webID,
		"/user.slice/user@1000.service/docker-" + webID:     webID,
		"/docker/" + webID + "/init.scope":                  webID,
		"/docker/" + webID + "/docker/" + appID:             appID,
		"/docker/" + webID + "/docker/" + appID + "/a/b":    appID,
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
		if got := containerInPath(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
