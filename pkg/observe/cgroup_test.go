//go:build linux

package observe

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

func TestParseCgroups(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       []plan.Cgroup
	}{
		{"v2", "0::/system.slice/docker-1f.scope\n", []plan.Cgroup{{Path: "/system.slice/docker-1f.scope"}}},
		{
			"v1", "12:cpu,cpuacct:/docker/1f\n1:name=systemd:/docker/1f\n",
			[]plan.Cgroup{{Hierarchy: "cpu,cpuacct", Path: "/docker/1f"}, {Hierarchy: "name=systemd", Path: "/docker/1f"}},
		},
		{
			"hybrid", "4:memory:/docker/1f\n0::/docker/1f\n",
			[]plan.Cgroup{{Hierarchy: "memory", Path: "/docker/1f"}, {Path: "/docker/1f"}},
		},
		{"a path with a colon and a space", "0::/a:b/c d\n", []plan.Cgroup{{Path: "/a:b/c d"}}},
		{"no line end", "0::/a", []plan.Cgroup{{Path: "/a"}}},
		{"no groups", "", nil},
		{"no lines of the kind", "garbage\n\n", nil},
	} {
		if got := parseCgroups(row.text); !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

func TestCgroupsToJoin(t *testing.T) {
	for _, row := range []struct {
		name, theirs, ours string
		want               []plan.Cgroup
		message            string
	}{
		{name: "the same", theirs: "0::/a\n", ours: "0::/a\n"},
		{
			name: "another", theirs: "0::/b\n", ours: "0::/a\n",
			want: []plan.Cgroup{{Path: "/b"}},
		},
		{
			name: "another in one hierarchy", theirs: "4:memory:/b\n0::/a\n", ours: "4:memory:/a\n0::/a\n",
			want: []plan.Cgroup{{Hierarchy: "memory", Path: "/b"}},
		},
		{
			name: "the same path in another hierarchy", theirs: "4:memory:/a\n", ours: "3:pids:/a\n",
			want: []plan.Cgroup{{Hierarchy: "memory", Path: "/a"}},
		},
		{
			name: "outside", theirs: "0::/../b\n", ours: "0::/a\n",
			message: "cgroup :/../b is outside the caller's cgroup namespace",
		},
		{
			name: "outside, the parent of the namespace's root", theirs: "0::/..\n", ours: "0::/a\n",
			message: "cgroup :/.. is outside the caller's cgroup namespace",
		},
		{
			name: "outside, and the helper too", theirs: "0::/../b\n", ours: "0::/../b\n",
		},
		{
			name: "two dots that begin a name", theirs: "0::/..b\n", ours: "0::/a\n",
			want: []plan.Cgroup{{Path: "/..b"}},
		},
		{
			name: "no path", theirs: "0::b\n", ours: "0::/a\n",
			message: "cgroup :b is outside the caller's cgroup namespace",
		},
		{
			name: "outside, in one of several", theirs: "4:memory:/b\n3:pids:/..\n", ours: "4:memory:/a\n3:pids:/a\n",
			message: "cgroup pids:/.. is outside the caller's cgroup namespace",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := procDir(t, map[string]string{"cgroup": row.theirs})
			self := procDir(t, map[string]string{"cgroup": row.ours})
			got, err := p.cgroupsToJoin(self, "", nil)
			if !reflect.DeepEqual(got, row.want) || text(err) != row.message {
				t.Errorf("%v, %v; want %v, %s", got, err, row.want, row.message)
			}
		})
	}
}

func TestOwnCgroupsAreNotJoined(t *testing.T) {
	p := openTestProcess(t, running(t, "cat").Process.Pid)
	if got, err := p.cgroupsToJoin(openTestProcess(t, os.Getpid()), "", nil); err != nil || got != nil {
		t.Errorf("a child is in groups that we aren't in: %v, %v", got, err)
	}
}

func TestGroupIsOpenedInItsHierarchy(t *testing.T) {
	engine := procDir(t, map[string]string{
		"mountinfo":                          mountLine("/", "/engine/memory", "cgroup", "rw,memory"),
		"root/engine/memory/docker/1f/tasks": "",
	})
	self := procDir(t, map[string]string{
		"mountinfo":                           mountLine("/", "/mem", "cgroup", "rw,memory") + mountLine("/docker", `/with\040space`, "cgroup2", "rw"),
		"root/mem/docker/1f/tasks":            "",
		"root/with space/1f/cgroup.procs":     "",
		"root/with space/docker/cgroup.procs": "",
	})
	groups := []plan.Cgroup{{Path: "/docker/1f"}, {Hierarchy: "memory", Path: "/docker/1f"}}
	o := &Observation{}
	if _, err := o.openCgroups(groups, []*Process{engine, self}); err != nil {
		t.Fatal(err)
	}
	if len(o.Cgroups) != len(groups) {
		t.Fatalf("%d groups are opened, want %d", len(o.Cgroups), len(groups))
	}
	for i, f := range o.Cgroups {
		if _, err := f.WriteString(groups[i].String()); err != nil {
			t.Error(err)
		}
		f.Close()
	}
	for file, want := range map[string]string{
		filepath.Join(self.dir.Name(), "root/with space/1f/cgroup.procs"):      ":/docker/1f",
		filepath.Join(engine.dir.Name(), "root/engine/memory/docker/1f/tasks"): "memory:/docker/1f",
		filepath.Join(self.dir.Name(), "root/mem/docker/1f/tasks"):             "", // the first process with the mount is used
	} {
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s is written %q, %v; want %q", filepath.Base(filepath.Dir(file)), got, err, want)
		}
	}
}

func TestGroupThatCantBeOpenedIsNamed(t *testing.T) {
	self := procDir(t, map[string]string{"mountinfo": mountLine("/", "/mem", "cgroup", "rw,memory") + mountLine("/../b", "/systemd", "cgroup", "rw,name=systemd")})
	for _, row := range []struct {
		group   plan.Cgroup
		message string
	}{
		{plan.Cgroup{Hierarchy: "pids", Path: "/a"}, "cgroup pids:/a: its hierarchy is not mounted"},
		{plan.Cgroup{Path: "/a"}, "cgroup :/a: its hierarchy is not mounted"},
		{plan.Cgroup{Hierarchy: "memory", Path: "/a"}, "cgroup memory:/a: open "},
		{plan.Cgroup{Hierarchy: "name=systemd", Path: "/a"}, "cgroup name=systemd:/a: its hierarchy is mounted, but does not show it"},
	} {
		o := &Observation{}
		_, err := o.openCgroups([]plan.Cgroup{row.group}, []*Process{self})
		if o.Cgroups != nil || !strings.HasPrefix(text(err), row.message) {
			t.Errorf("%s: %v, %v; want %s", row.group, o.Cgroups, err, row.message)
		}
	}
	// Before, a container with SYS_ADMIN could not be entered once its root had made a hierarchy.
	ofContainer := &Observation{}
	if groups, err := ofContainer.openCgroups([]plan.Cgroup{{Hierarchy: "name=made", Path: "/a"}}, []*Process{self}); err != nil || groups != nil || ofContainer.Cgroups != nil {
		t.Errorf("a hierarchy that the container has made: %v, %v, %v", groups, ofContainer.Cgroups, err)
	}
	o := &Observation{}
	if _, err := o.openCgroups(nil, []*Process{procDir(t, nil)}); err != nil || o.Cgroups != nil {
		t.Errorf("no groups: %v, %v; there is nothing to look for", o.Cgroups, err)
	}
}

func mountLine(root, point, kind, options string) string {
	return strings.Join([]string{"36 35 0:31", root, point, "rw,nosuid", "shared:9", "-", kind, kind, options}, " ") + "\n"
}

// What a container makes below its own group is not the runtime's, whatever its name is.
func TestContainerGroup(t *testing.T) {
	id := strings.Repeat("0f", 32)
	for path, want := range map[string]string{
		"/docker/" + id:                      "/docker/" + id,
		"/docker/" + id + "/sub":             "/docker/" + id,
		"/docker/" + id + "/sub/" + id:       "/docker/" + id,
		"/x/docker-" + id + ".scope/init":    "/x/docker-" + id + ".scope",
		"/docker/" + id[1:] + "/sub":         "/docker/" + id[1:] + "/sub",
		"/docker/" + id + "0/sub":            "/docker/" + id + "0/sub",
		"/":                                  "/",
		"/docker/" + strings.Repeat("a", 64): "/docker/" + strings.Repeat("a", 64),
	} {
		if got := containerGroup(path, id); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
		if got := containerGroup(path, ""); got != path {
			t.Errorf("%s of no container: %s", path, got)
		}
	}
}
