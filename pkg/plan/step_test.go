package plan_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// ops returns the operations of p in their order, in one line.
func ops(p *plan.Plan) string {
	var names []string
	for _, s := range p.Steps {
		names = append(names, s.Op.String())
	}
	return strings.Join(names, " ")
}

func TestOrderOfSteps(t *testing.T) {
	const become = "umask persona bounding dir user dir-again inside hide"
	for _, row := range []struct {
		name string
		vary func(*request.Request, *plan.Observed)
		want string
	}{
		{
			"a container",
			func(*request.Request, *plan.Observed) {},
			"apart limits schedule undo cgroups join keyring " + become + " seccomp capabilities fork dir-last session settle find exec",
		},
		{
			"with no_new_privs the filter comes last",
			func(_ *request.Request, o *plan.Observed) { o.TargetProcess.Spec.NoNewPrivileges = true },
			"apart limits schedule undo cgroups join keyring " + become + " no-new-privileges capabilities seccomp fork dir-last session settle find exec",
		},
		{
			"without a filter",
			func(_ *request.Request, o *plan.Observed) {
				o.TargetProcess.Spec.Seccomp, o.TargetProcess.Filters = false, nil
			},
			"apart limits schedule undo cgroups join keyring " + become + " capabilities fork dir-last session settle find exec",
		},
		{
			"a label is written while the host's /proc is there",
			func(_ *request.Request, o *plan.Observed) { o.TargetProcess.Spec.AppArmor = "docker-default" },
			"apart label limits schedule undo cgroups join keyring " + become + " seccomp capabilities fork dir-last session settle find exec",
		},
		{
			"a label of SELinux",
			func(_ *request.Request, o *plan.Observed) { o.TargetProcess.Spec.SELinux = "container_t" },
			"apart label limits schedule undo cgroups join keyring " + become + " seccomp capabilities fork dir-last session settle find exec",
		},
		{
			"a terminal belongs to the new session",
			func(_ *request.Request, o *plan.Observed) { o.Streams = terminal },
			"apart limits schedule undo cgroups join keyring " + become + " seccomp capabilities fork dir-last session terminal settle find exec",
		},
		{
			"a user namespace: groups are dropped before, root is taken after",
			func(_ *request.Request, o *plan.Observed) { o.Base = process(webPID, ns.All()) },
			"apart limits schedule undo cgroups no-groups join root keyring " + become + " seccomp capabilities fork dir-last session settle find exec",
		},
		{
			"the program of a copy is removed as root of its user namespace, before its files are mounted in a view",
			func(r *request.Request, o *plan.Observed) {
				o.Base = process(webPID, ns.All())
				r.Remove, r.View = "/docker-nsjoin-1/helper", &request.View{}
			},
			"apart limits schedule undo cgroups no-groups join root remove unshare mounts view pivot keyring " + become + " seccomp capabilities fork dir-last session settle find exec",
		},
		{
			"a process has a new keyring",
			func(_ *request.Request, o *plan.Observed) { o.TargetProcess.ContainerID = "" },
			"apart limits schedule undo cgroups join keyring " + become + " seccomp capabilities fork dir-last session settle find exec",
		},
		{
			"docker run --pid host forks for a small table of descriptors",
			func(_ *request.Request, o *plan.Observed) { o.Base = process(webPID, ns.SetOf(ns.Mnt, ns.Net)) },
			"apart limits schedule undo cgroups join keyring " + become + " seccomp capabilities fork dir-last session settle find exec",
		},
		{
			"a time namespace needs one",
			func(_ *request.Request, o *plan.Observed) { o.Base = process(webPID, ns.SetOf(ns.Mnt, ns.Time)) },
			"apart limits schedule undo cgroups join keyring " + become + " seccomp capabilities fork dir-last session settle find exec",
		},
		{
			"the caller in another network",
			func(r *request.Request, _ *plan.Observed) { r.Take = ns.SetOf(ns.Net) },
			"join settle find exec",
		},
		{
			"the caller in another pid namespace",
			func(r *request.Request, _ *plan.Observed) { r.Take = ns.SetOf(ns.Net, ns.PID) },
			"join unshare slave fork proc settle find exec",
		},
		{
			"who says --mnt host has the host's mounts",
			func(r *request.Request, o *plan.Observed) {
				r.Take, r.Overrides = ns.SetOf(ns.PID), map[ns.Kind]request.Source{ns.Mnt: request.Host()}
				o.Overrides = map[ns.Kind]plan.Process{ns.Mnt: o.Self}
			},
			"join fork settle find exec",
		},
		{
			"a directory in /proc is one of the new /proc",
			func(r *request.Request, _ *plan.Observed) { r.Take, r.Dir = ns.SetOf(ns.PID), "/proc/1" },
			"join unshare slave fork proc dir settle find exec",
		},
		{
			"the caller as root of a user namespace",
			func(r *request.Request, o *plan.Observed) {
				r.Take, o.Base = ns.SetOf(ns.Net, ns.User), process(webPID, ns.All())
			},
			"no-groups join root settle find exec",
		},
		{
			"the caller in another directory",
			func(r *request.Request, _ *plan.Observed) { r.Take, r.Dir = ns.SetOf(ns.Net), "srv" },
			"join dir settle find exec",
		},
		{
			"the caller, detached: a session of its own",
			func(r *request.Request, _ *plan.Observed) { r.Take, r.Detach = ns.SetOf(ns.Net), true },
			"join session settle find exec",
		},
		{
			"detached there is no terminal",
			func(r *request.Request, o *plan.Observed) {
				r.Detach, o.Streams = true, terminal
			},
			"apart limits schedule undo cgroups join keyring " + become + " seccomp capabilities fork dir-last session settle find exec",
		},
		{
			"privileged the filter stays",
			func(r *request.Request, _ *plan.Observed) { r.Privileged = true },
			"apart limits schedule undo cgroups join keyring " + become + " seccomp capabilities fork dir-last session settle find exec",
		},
		{
			"the caller where he is",
			func(r *request.Request, _ *plan.Observed) { r.Take = 0 },
			"settle find exec",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, o := asked(), observed()
			row.vary(r, o)
			if got := ops(made(t, r, o)); got != row.want {
				t.Errorf("steps %s\nwant  %s", got, row.want)
			}
		})
	}
}

func TestEachProcessIsJoinedOnceAndUserLast(t *testing.T) {
	join := func(name string, pid int, kinds ...ns.Kind) plan.Step {
		return plan.Step{Op: plan.OpJoin, From: name, PID: pid, Kinds: ns.SetOf(kinds...)}
	}
	for _, row := range []struct {
		name    string
		base    ns.Set
		instead map[ns.Kind]plan.Process
		want    []plan.Step
	}{
		{
			"one process",
			ns.SetOf(ns.Mnt, ns.Net, ns.User), nil,
			[]plan.Step{join("web", webPID, ns.Mnt, ns.Net, ns.User)},
		},
		{
			"two processes without a user namespace, in the order of their kinds",
			ns.SetOf(ns.Mnt, ns.UTS),
			map[ns.Kind]plan.Process{ns.IPC: process(appPID, docker()), ns.Net: process(appPID, docker())},
			[]plan.Step{join("app", appPID, ns.IPC, ns.Net), join("web", webPID, ns.Mnt, ns.UTS)},
		},
		{
			"the user namespace of the first is joined after the second",
			ns.SetOf(ns.IPC, ns.Mnt, ns.User),
			map[ns.Kind]plan.Process{ns.Net: process(appPID, docker())},
			[]plan.Step{join("app", appPID, ns.Net), join("web", webPID, ns.IPC, ns.Mnt, ns.User)},
		},
		{
			"the user namespace of the second stays there",
			ns.SetOf(ns.IPC, ns.UTS),
			map[ns.Kind]plan.Process{ns.User: process(appPID, ns.All())},
			[]plan.Step{join("web", webPID, ns.IPC, ns.UTS), join("app", appPID, ns.User)},
		},
		{
			"of three processes the user namespace's is last, the others keep their order",
			ns.SetOf(ns.Cgroup, ns.User, ns.UTS),
			map[ns.Kind]plan.Process{ns.Net: process(appPID, docker()), ns.PID: process(4300, docker())},
			[]plan.Step{join("app", appPID, ns.Net), join("app", 4300, ns.PID), join("web", webPID, ns.Cgroup, ns.User, ns.UTS)},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, o := asked(), observed()
			o.Base, o.Overrides = process(webPID, row.base), row.instead
			r.Overrides = make(map[ns.Kind]request.Source)
			for k := range row.instead {
				r.Overrides[k] = source("app")
			}
			var got []plan.Step
			for _, s := range made(t, r, o).Steps {
				if s.Op == plan.OpJoin {
					got = append(got, s)
				}
			}
			if !reflect.DeepEqual(got, row.want) {
				t.Errorf("joins %+v\nwant  %+v", got, row.want)
			}
		})
	}
}

func TestEveryStepIsDescribed(t *testing.T) {
	r, o := asked(), observed()
	o.Base = process(webPID, ns.All())
	o.Streams = terminal
	s := &o.TargetProcess.Spec
	s.AppArmor, s.NoNewPrivileges = "docker-default", true
	want := []string{
		"leave the caller's session",
		"set label docker-default",
		"set 1 resource limits",
		"set nice 0",
		"reset the caller's other attributes",
		"join cgroups",
		"drop supplementary groups",
		"join cgroup ipc mnt net pid time user uts of web (pid 4100)",
		"become root of the user namespace",
		"join session keyring _ses." + containerID,
		"set umask 0022",
		"set the default execution domain",
		"limit the bounding set to 3 capabilities",
		"change to /srv",
		"become uid 1000, gid 1001",
		"change to /srv as the user, if root is denied",
		"check that the directory is inside the root",
		"stay hidden from tracers",
		"set no_new_privs",
		"set 3 effective capabilities",
		"load the seccomp filter",
		"fork into the pid or time namespace",
		"change to /srv if it exists only in the new pid namespace, and check it",
		"start a new session",
		"make the terminal the controlling terminal",
		"verify the namespaces; set oom_score_adj",
		"find ls",
		"exec ls /",
	}
	p := made(t, r, o)
	var got []string
	for i := range p.Steps {
		got = append(got, p.Describe(i))
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("steps\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
