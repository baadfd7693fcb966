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
)

// A process's name, on the first line, is no other field: the kernel escapes the
// end of a line in it, and nothing else.
func FuzzStatus(f *testing.F) {
	f.Add("sh", uint64(12), uint64(0x1ff), uint32(7))
	f.Add("a\nPPid:\t1", uint64(0), uint64(math.MaxUint64), uint32(math.MaxUint32))
	f.Add("PPid:\t1", uint64(1), uint64(0), uint32(0))
	f.Fuzz(func(t *testing.T, name string, ppid, caps uint64, group uint32) {
		name = strings.NewReplacer("\n", `\n`, `\`, `\\`).Replace(name)
		s := status{fmt.Sprintf("Name:\t%s\nPPid:\t%d\nGroups:\t0 %d \nCapBnd:\t%016x\n", name, ppid, group, caps)}
		if got, err := s.number("PPid", 10); err != nil || got != ppid {
			t.Errorf("PPid is %d, %v; want %d", got, err, ppid)
		}
		if got, err := s.number("CapBnd", 16); err != nil || got != caps {
			t.Errorf("CapBnd is %x, %v; want %x", got, err, caps)
		}
		if got, err := s.ids("Groups"); err != nil || !slices.Equal(got, []uint32{0, group}) {
			t.Errorf("Groups is %d, %v; want 0 and %d", got, err, group)
		}
		if _, err := s.number("CapEff", 16); err == nil || err.Error() != "status has no line CapEff" {
			t.Errorf("a line that isn't there: %v", err)
		}
	})
}

func FuzzStatusText(f *testing.F) {
	f.Add("CapBnd:\t0\nCapPrm:\t0\nCapEff:\t0\nCapInh:\t0\nCapAmb:\t0\nSeccomp:\t2\nSeccomp_filters:\t1\nUid:\t0\t0\t0\t0\n")
	f.Add("Seccomp:\t0\nUid:\tx\n")
	f.Add("Seccomp")
	f.Fuzz(func(t *testing.T, text string) {
		s := status{text}
		_, capErr := s.capabilities()
		_, filterErr := s.filters()
		_, idErr := s.ids("Uid")
		for _, err := range []error{capErr, filterErr, idErr} {
			if err != nil && !strings.HasPrefix(err.Error(), "status ") {
				t.Errorf("%q: %q doesn't say where", text, err)
			}
		}
	})
}

// A group's name may have colons and spaces, and what is written is read.
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
		if id := containerOf(path); id != "" && (len(id) != 64 || !strings.Contains(path, id)) {
			t.Errorf("%q is of the container %q", path, id)
		}
	})
}

// A mount's directories are what they are, whatever is in their names; a group
// beneath its root is found beneath where it is mounted, and no other.
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
		dir, holds := m.holds(plan.Cgroup{Hierarchy: "cpu,cpuacct", Path: "/" + group})
		if holds && dir != "/" && !strings.HasPrefix(dir+"/", strings.TrimSuffix(filepath.Clean(point), "/")+"/") {
			t.Errorf("%q mounted at %q shows %q as %q", root, point, group, dir)
		}
		if _, holds := m.holds(plan.Cgroup{Path: "/" + group}); holds {
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
