//go:build linux

package observe

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

func FuzzStatusText(f *testing.F) {
	f.Add("CapBnd:\t0\nCapPrm:\t0\nCapEff:\t0\nCapInh:\t0\nCapAmb:\t0\nSeccomp:\t2\nSeccomp_filters:\t1\nUid:\t0\t0\t0\t0\n")
	f.Add("Seccomp:\t0\nUid:\tx\n")
	f.Add("Seccomp")
	f.Fuzz(func(t *testing.T, text string) {
		s := procfs.Status(text)
		_, capErr := capabilities(s)
		_, filterErr := s.Filters()
		_, idErr := s.IDs("Uid")
		for _, err := range []error{capErr, filterErr, idErr} {
			if err != nil && !strings.HasPrefix(err.Error(), "status ") {
				t.Errorf("%q: %q doesn't say where", text, err)
			}
		}
	})
}

// A group's name may contain colons and spaces, and is read as it was written.
func FuzzCgroups(f *testing.F) {
	f.Add("0::/\n", "/docker/web")
	f.Add("12:cpu,cpuacct:/a:b\n1:name=systemd:/x", "/a b:c/..")
	f.Add("nothing\n::\n:", "")
	f.Fuzz(func(t *testing.T, text, path string) {
		for _, g := range parseCgroups(text) {
			if !strings.Contains(text, ":"+g.Hierarchy+":"+g.Path) {
				t.Errorf("%q has no group %q", text, g)
			}
		}
		path = "/" + strings.ReplaceAll(path, "\n", "")
		want := []plan.Cgroup{{Hierarchy: "cpu,cpuacct", Path: path}, {Path: path}}
		if got := parseCgroups("3:cpu,cpuacct:" + path + "\n0::" + path + "\n"); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		for _, id := range containersInPath(path) {
			if len(id) != 64 || !strings.Contains(path, id) {
				t.Errorf("%q is of the container %q", path, id)
			}
		}
	})
}

// Directories are read as they were written, whatever their names contain. A group below the mounted root is
// found below the mount point, and no other group is.
func FuzzCgroupMount(f *testing.F) {
	f.Add("/", "/sys/fs/cgroup", "/docker/web", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n")
	f.Add("/docker", "/a b\n\\040", "/docker/web", "30 23 0:26 / /x rw shared:1 - cgroup cgroup rw,cpu\n")
	f.Add("/docker/web", "/sys", "/docker/web-2", " - cgroup")
	f.Add("/..", "/sys", "/x/../..", "30 23 0:26 / /x rw - cgroupfs a b\n")
	f.Fuzz(func(t *testing.T, root, point, group, line string) {
		if m, ok := parseCgroupMount(line); ok && m.options == nil && !strings.Contains(line, "cgroup2") {
			t.Errorf("%q is of cgroup v2", line)
		}
		root, point = "/"+strings.ReplaceAll(root, "\x00", ""), "/"+strings.ReplaceAll(point, "\x00", "")
		escape := strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`).Replace
		m, ok := parseCgroupMount(fmt.Sprintf("30 23 0:26 %s %s rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n", escape(root), escape(point)))
		if !ok || m.root != root || m.point != point || !slices.Equal(m.options, []string{"rw", "cpu", "cpuacct"}) {
			t.Fatalf("%q at %q is read as %+v, %t", root, point, m, ok)
		}
		dir, holds := m.dirOf(plan.Cgroup{Hierarchy: "cpu,cpuacct", Path: "/" + group})
		if holds && dir != "/" && !strings.HasPrefix(dir+"/", strings.TrimSuffix(filepath.Clean(point), "/")+"/") {
			t.Errorf("%q mounted at %q shows %q as %q", root, point, group, dir)
		}
		if _, holds := m.dirOf(plan.Cgroup{Path: "/" + group}); holds {
			t.Errorf("a v1 hierarchy holds the v2 group %q", group)
		}
	})
}

func FuzzLimits(f *testing.F) {
	f.Add(uint64(1024), uint64(math.MaxUint64), "Limit   Soft\nMax cpu time  unlimited unlimited seconds\n")
	f.Add(uint64(0), uint64(1), "")
	f.Fuzz(func(t *testing.T, soft, hard uint64, text string) {
		if list, err := plan.ParseLimits(text); err == nil && len(list) != len(plan.Resources()) {
			t.Errorf("%q has %d limits", text, len(list))
		}
		word := func(n uint64) string {
			if n == plan.Unlimited {
				return "unlimited"
			}
			return fmt.Sprint(n)
		}
		var b strings.Builder
		b.WriteString("Limit                     Soft Limit           Hard Limit           Units\n")
		for range plan.Resources() {
			fmt.Fprintf(&b, "%-25s %-20s %-20s %-10s\n", "Max open file locks", word(soft), word(hard), "")
		}
		list, err := plan.ParseLimits(b.String())
		if err != nil || len(list) != len(plan.Resources()) {
			t.Fatalf("%d limits, %v", len(list), err)
		}
		for _, l := range list {
			if l.Soft != soft || l.Hard != hard {
				t.Errorf("%s, want %d:%d", l, soft, hard)
			}
		}
	})
}

func FuzzIDMap(f *testing.F) {
	f.Add("         0     100000      65536\n", uint32(0), uint32(1), uint32(math.MaxUint32))
	f.Add("0 0 4294967296\n", uint32(1), uint32(2), uint32(3))
	f.Add("1 2\n", uint32(0), uint32(0), uint32(0))
	f.Fuzz(func(t *testing.T, text string, inside, outside, count uint32) {
		if ranges, err := parseIDMap(text); err == nil && len(ranges) != len(slices.Collect(strings.Lines(text))) {
			t.Errorf("%q has %d ranges", text, len(ranges))
		}
		want := plan.IDRange{Inside: inside, Outside: outside, Count: count}
		got, err := parseIDMap(fmt.Sprintf("%10d %10d %10d\n", inside, outside, count))
		if err != nil || !slices.Equal(got, []plan.IDRange{want}) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	})
}
