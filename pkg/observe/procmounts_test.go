//go:build linux

package observe

import (
	"reflect"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

func TestMountsOnProc(t *testing.T) {
	const host = `22 27 0:21 / /proc rw,relatime shared:5 - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
`
	for _, row := range []struct {
		name, mounts string
		want         []plan.Mount
	}{
		{"nothing", host, nil},
		{"no /proc at all", "27 1 254:0 / / rw - ext4 /dev/root rw\n", nil},
		{
			"systemd's automount", host + "30 22 0:26 / /proc/sys/fs/binfmt_misc rw,relatime shared:13 - autofs systemd-1 rw,fd=29,direct\n",
			[]plan.Mount{{Path: "/proc/sys/fs/binfmt_misc", Autofs: true}},
		},
		{
			"the automount after its first use, in any order", "31 30 0:40 / /proc/sys/fs/binfmt_misc rw - binfmt_misc binfmt_misc rw\n" +
				"30 22 0:26 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw,direct\n" + host,
			[]plan.Mount{{Path: "/proc/sys/fs/binfmt_misc"}},
		},
		{
			"a mount below another mount belongs to that one", host +
				"30 22 0:21 /sys /proc/sys ro - proc proc rw\n31 30 0:50 / /proc/sys/fs rw - tmpfs x rw\n40 22 0:60 /proc/meminfo /proc/meminfo rw - fuse.lxcfs lxcfs rw\n",
			[]plan.Mount{{Path: "/proc/sys"}, {Path: "/proc/meminfo"}},
		},
		{
			"a mount hidden by another /proc", host + "30 22 0:26 / /proc/hidden rw - tmpfs x rw\n" +
				"40 22 0:70 / /proc rw - proc proc rw\n41 40 0:71 / /proc/shown rw - tmpfs x rw\n",
			[]plan.Mount{{Path: "/proc/shown"}},
		},
		{"another file system than procfs on /proc", host + "40 22 0:70 / /proc rw - tmpfs x rw\n41 40 0:71 / /proc/shown rw - tmpfs x rw\n", nil},
		{
			"odd names", host + "30 22 0:26 / /proc/a\\040b\\134040\\012 rw - tmpfs x - y rw\n31 22 0:26 / /process rw - tmpfs x rw\n",
			[]plan.Mount{{Path: "/proc/a b\\040\n"}},
		},
	} {
		var list []hostMount
		for line := range strings.Lines(row.mounts) {
			if m, ok := parseMount(strings.TrimSuffix(line, "\n"), "/proc"); ok {
				list = append(list, m)
			}
		}
		if _, got := mountsOn("/proc", "proc", list); !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: %+v, want %+v", row.name, got, row.want)
		}
	}
	for _, line := range []string{"", "22 27", "x 27 0:21 / /proc rw - proc", "22 x 0:21 / /proc rw - proc", "22 27 0:21 / /pro rw - proc"} {
		if m, ok := parseMount(line, "/proc"); ok {
			t.Errorf("%q is %+v", line, m)
		}
	}
}
