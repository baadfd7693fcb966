//go:build linux

package observe

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// observedWeb reads the target process of a container with fake files in /proc, for it and its shim. The
// specification has user 5:6. user is the container's configured user and asked the request's.
func observedWeb(t *testing.T, user, asked string, groupAdd ...string) (*plan.TargetProcess, error) {
	t.Helper()
	const status = "Umask:\t0022\nCapBnd:\t000001ffffffffff\nSigIgn:\t0000000080001005\nSeccomp:\t0\n"
	limits, err := openTestProcess(t, os.Getpid()).read("limits")
	if err != nil {
		t.Fatal(err)
	}
	shim := procDir(t, map[string]string{
		"status": status, "oom_score_adj": "-998\n", "limits": limits, "mountinfo": "",
		"cwd/config.json": `{"process":{"cwd":"/srv","user":{"uid":5,"gid":6,"additionalGids":[6,7]}}}`,
	})
	shim.bundleFile = "cwd/config.json"
	p := procDir(t, map[string]string{
		"status": status, "uid_map": "0 100000 65536\n", "cgroup": "0::/a\n",
		"root/etc/passwd": somePasswd, "root/etc/group": someGroup,
	})
	p.container, p.IDs = webID, map[ns.Kind]ns.ID{ns.User: {Ino: 1}}
	o := &Observation{
		self:      procDir(t, map[string]string{"cgroup": "0::/a\n"}),
		Processes: map[int]*Process{p.PID: p},
		shims:     map[*Process]*Process{p: shim},
	}
	source := request.Source{From: request.FromContainer, Name: "web", PID: p.PID, Container: &request.Container{
		ID: webID, Env: []string{"A=1"}, User: user, GroupAdd: groupAdd,
	}}
	err = o.readTarget(p, source, asked)
	if err == nil {
		err = o.readUIDMap(source)
	}
	return o.Facts.TargetProcess, err
}

func TestTargetIsReadFromBundleAndShim(t *testing.T) {
	s, err := observedWeb(t, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if s.ContainerID != webID || !slices.Equal(s.ConfigEnv, []string{"A=1"}) || s.Spec.Dir != "/srv" ||
		s.Starter.OOMScoreAdj != -998 || s.Starter.Umask != 0o022 || s.Starter.Ignored != 1<<31|4 || s.UIDMap[0].Outside != 100000 {
		t.Errorf("it is %+v", s)
	}
}

// docker exec looks up a named user, also the container's configured one, and its groups in the container's
// present files.
func TestUserOfTarget(t *testing.T) {
	for _, row := range []struct {
		name, configured, asked string
		add                     []string
		uid, gid                uint32
		groups                  []uint32
	}{
		{"none: the bundle's", "", "", nil, 5, 6, []uint32{6, 7}},
		{"none, and --group-add is in the bundle", "", "", []string{"77"}, 5, 6, []uint32{6, 7}},
		{"the container's", "web", "", nil, 1000, 1001, []uint32{1001, 29, 44}},
		{"the container's, with --group-add", "web:29", "", []string{"77"}, 1000, 29, []uint32{29, 77}},
		{"-u", "", "web:29", nil, 1000, 29, []uint32{29}},
		{"-u before the container's", "root", "web:29", []string{"77"}, 1000, 29, []uint32{29, 77}},
		{"-u root", "web", "0:0", nil, 0, 0, []uint32{0}},
	} {
		s, err := observedWeb(t, row.configured, row.asked, row.add...)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		if s.Spec.UID != row.uid || s.Spec.GID != row.gid || !slices.Equal(s.Spec.Groups, row.groups) {
			t.Errorf("%s: %d:%d, groups %v; want %d:%d, %v",
				row.name, s.Spec.UID, s.Spec.GID, s.Spec.Groups, row.uid, row.gid, row.groups)
		}
	}
}

func TestTargetWithUnknownUserIsRefused(t *testing.T) {
	for _, row := range [][2]string{{"nobody", ""}, {"web", "nobody"}} {
		s, err := observedWeb(t, row[0], row[1])
		if want := `user "nobody": unable to find user nobody: no matching entries in passwd file`; text(err) != want {
			t.Errorf("%q: %+v, %v; want %s", row, s, err, want)
		}
	}
}

// A process has no configuration, and its user is the one that it has.
func TestTargetThatIsAProcess(t *testing.T) {
	own := openTestProcess(t, os.Getpid())
	p := procDir(t, map[string]string{"root/etc/passwd": somePasswd, "root/etc/group": someGroup})
	for _, name := range []string{"status", "environ", "cwd", "uid_map", "gid_map", "attr", "oom_score_adj", "limits", "cgroup"} {
		if err := os.Symlink(own.path(name), filepath.Join(p.dir.Name(), name)); err != nil {
			t.Fatal(err)
		}
	}
	for asked, want := range map[string]uint32{"": uint32(os.Geteuid()), "web": 1000} {
		o := &Observation{self: own}
		if err := o.readTarget(p, request.Source{From: request.FromPID, PID: p.PID}, asked); err != nil {
			t.Fatal(err)
		}
		if s := o.Facts.TargetProcess; s.Spec.UID != want || s.ContainerID != "" || s.ConfigEnv != nil {
			t.Errorf("-u %q: %+v", asked, s)
		}
	}
}

// The profile tells which filters a command has only if it inherits none.
func TestProfileIsKnownWithoutInheritedFilters(t *testing.T) {
	for _, row := range []struct {
		name, status, bundle string
		known                bool
	}{
		{"the runtime's", "Seccomp:\t0\n", `,"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW"}}`, true},
		{"the runtime's and the engine's", "Seccomp:\t2\nSeccomp_filters:\t1\n", `,"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW"}}`, false},
		{"none", "Seccomp:\t0\n", "", false},
	} {
		shim := procDir(t, map[string]string{"status": row.status, "cwd/config.json": `{"process":{"cwd":"/"}` + row.bundle + `}`})
		shim.bundleFile = "cwd/config.json"
		var s plan.TargetProcess
		if err := readContainerSpec(&s, procDir(t, nil), shim, procfs.Status(row.status)); err != nil {
			t.Fatal(err)
		}
		if got := s.Profile != nil; got != row.known {
			t.Errorf("%s: the profile is known: %v", row.name, got)
		}
	}
}

// The helper can pass on what is in both its permitted and its bounding set.
func TestCapabilitiesOfTheHelper(t *testing.T) {
	o := &Observation{self: procDir(t, map[string]string{
		"status": "CapBnd:\t000000000000000e\nCapPrm:\t0000000000000007\nCapEff:\t0000000000000001\nCapInh:\t0\nCapAmb:\t0\nSeccomp:\t0\n",
	})}
	if err := o.readSelf(); err != nil || o.Facts.Capabilities != 6 || len(o.Facts.CPUs) == 0 {
		t.Errorf("capabilities %#x, processors %v, %v; want 0x6", o.Facts.Capabilities, o.Facts.CPUs, err)
	}
	o = &Observation{self: procDir(t, map[string]string{"status": ""})}
	if err := o.readSelf(); err == nil {
		t.Error("a status without capabilities is accepted")
	}
}
