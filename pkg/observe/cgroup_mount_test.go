//go:build linux

package observe

import (
	"reflect"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

func TestParseCgroupMount(t *testing.T) {
	for _, row := range []struct {
		name, line string
		want       *cgroupMount
	}{
		{
			"v2", "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
			&cgroupMount{root: "/", point: "/sys/fs/cgroup"},
		},
		{
			"v1", "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n",
			&cgroupMount{root: "/", point: "/sys/fs/cgroup/cpu,cpuacct", options: []string{"rw", "cpu", "cpuacct"}},
		},
		{
			"a named one", "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup systemd rw,xattr,name=systemd\n",
			&cgroupMount{root: "/", point: "/sys/fs/cgroup/systemd", options: []string{"rw", "xattr", "name=systemd"}},
		},
		{
			"a part of a hierarchy, no optional fields", "40 31 0:37 /docker/1f /cg ro - cgroup2 none ro\n",
			&cgroupMount{root: "/docker/1f", point: "/cg"},
		},
		{
			"several optional fields", "40 31 0:37 / /cg ro shared:1 master:2 unbindable - cgroup2 none ro\n",
			&cgroupMount{root: "/", point: "/cg"},
		},
		{
			"escapes", `40 31 0:37 /a\134b /with\040space\011tab\012line rw - cgroup2 none rw` + "\n",
			&cgroupMount{root: `/a\b`, point: "/with space\ttab\nline"},
		},
		{
			"a backslash before digits", `40 31 0:37 / /a\134040 rw - cgroup2 none rw` + "\n",
			&cgroupMount{root: "/", point: `/a\040`},
		},
		{"another file system", "1 0 8:1 / /sys/fs/cgroup rw - ext4 cgroup2 rw\n", nil},
		{"a source with that name", "1 0 8:1 / /cgroup2 rw - tmpfs cgroup2 rw\n", nil},
		{"a truncated line", "30 24 0:26 / - cgroup2 cgroup2 rw\n", nil},
		{"a line without source and options", "30 24 0:26 / /cg rw - cgroup2\n", nil},
		{"nothing", "", nil},
	} {
		got, ok := parseCgroupMount(row.line)
		if ok != (row.want != nil) || ok && !reflect.DeepEqual(got, *row.want) {
			t.Errorf("%s: %+v, %t; want %+v", row.name, got, ok, row.want)
		}
	}
}

func TestDirOfGroup(t *testing.T) {
	v2 := func(root string) cgroupMount { return cgroupMount{root: root, point: "/cg"} }
	v1 := func(options ...string) cgroupMount { return cgroupMount{root: "/", point: "/cg", options: options} }
	for _, row := range []struct {
		name  string
		mount cgroupMount
		group plan.Cgroup
		want  string // "" for none
	}{
		{"the whole hierarchy", v2("/"), plan.Cgroup{Path: "/a/b"}, "/cg/a/b"},
		{"the root group", v2("/"), plan.Cgroup{Path: "/"}, "/cg"},
		{"a part that contains the group", v2("/a"), plan.Cgroup{Path: "/a/b"}, "/cg/b"},
		{"just the group", v2("/a/b"), plan.Cgroup{Path: "/a/b"}, "/cg"},
		{"a sibling of the group", v2("/a"), plan.Cgroup{Path: "/b"}, ""},
		{"a child of the group", v2("/a/b"), plan.Cgroup{Path: "/a"}, ""},
		{"a sibling whose name is a prefix", v2("/a"), plan.Cgroup{Path: "/ab"}, ""},
		{"a mount of the namespace's parent", v2("/.."), plan.Cgroup{Path: "/a"}, ""},
		{"a mount of the namespace's sibling", v2("/../a"), plan.Cgroup{Path: "/a"}, ""},
		{"a group above the mount", v2("/a"), plan.Cgroup{Path: "/"}, ""},
		{"two dots that begin a name", v2("/"), plan.Cgroup{Path: "/..a"}, "/cg/..a"},
		{"two dots that begin the mount's", v2("/..a"), plan.Cgroup{Path: "/..a/b"}, "/cg/b"},
		{"v1 for v1", v1("rw", "memory"), plan.Cgroup{Hierarchy: "memory", Path: "/a"}, "/cg/a"},
		{"two controllers in either order", v1("rw", "cpuacct", "cpu"), plan.Cgroup{Hierarchy: "cpu,cpuacct", Path: "/a"}, "/cg/a"},
		{"one of two controllers", v1("rw", "cpu"), plan.Cgroup{Hierarchy: "cpu,cpuacct", Path: "/a"}, ""},
		{"another controller", v1("rw", "pids"), plan.Cgroup{Hierarchy: "memory", Path: "/a"}, ""},
		{"a controller whose name begins the same", v1("rw", "cpuset"), plan.Cgroup{Hierarchy: "cpu", Path: "/a"}, ""},
		{"a named one", v1("rw", "name=systemd"), plan.Cgroup{Hierarchy: "name=systemd", Path: "/a"}, "/cg/a"},
		{"v1 for v2", v1("rw", "memory"), plan.Cgroup{Path: "/a"}, ""},
		{"v2 for v1", v2("/"), plan.Cgroup{Hierarchy: "memory", Path: "/a"}, ""},
	} {
		got, ok := row.mount.dirOf(row.group)
		if got != row.want || ok != (row.want != "") {
			t.Errorf("%s: %q, %t; want %q", row.name, got, ok, row.want)
		}
	}
}
