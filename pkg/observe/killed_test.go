//go:build linux

package observe

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

const outOfMemory = "its cgroup ran out of memory"

// The count is that of the command's group, in both versions of cgroups.
func TestCommandIsKilledOutOfMemory(t *testing.T) {
	const v1, v2 = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "low 0\nhigh 9\nmax 9\noom 9\noom_kill 3\noom_group_kill 9\n"
	for _, row := range []struct {
		name, kind, options, file, text string
		group                           plan.Cgroup
	}{
		{"v2", "cgroup2", "rw", "memory.events", v2, plan.Cgroup{Path: "/a"}},
		{"v1", "cgroup", "rw,memory", "memory.oom_control", v1, plan.Cgroup{Hierarchy: "memory", Path: "/a"}},
		{"v1, two controllers", "cgroup", "rw,cpu,memory", "memory.oom_control", v1, plan.Cgroup{Hierarchy: "cpu,memory", Path: "/a"}},
	} {
		self := procDir(t, map[string]string{
			"mountinfo":              mountLine("/", "/cg", row.kind, row.options),
			"root/cg/a/cgroup.procs": "", "root/cg/a/tasks": "", "root/cg/a/" + row.file: row.text,
		})
		o := &Observation{}
		if _, err := o.openCgroups([]plan.Cgroup{row.group}, []*Process{self}); err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		if got, _ := o.WhyKilled(request.Host()); got != "" {
			t.Errorf("%s: without a new kill: %q", row.name, got)
		}
		write(t, filepath.Join(self.dir.Name(), "root/cg/a", row.file), strings.Replace(row.text, "oom_kill 3", "oom_kill 4", 1))
		if got, hint := o.WhyKilled(request.Host()); got != outOfMemory || !strings.Contains(hint, "docker stats") {
			t.Errorf("%s: %q", row.name, got)
		}
	}
}

func TestGroupWithoutACountIsNoError(t *testing.T) {
	self := procDir(t, map[string]string{
		"mountinfo":              mountLine("/", "/cg", "cgroup2", "rw") + mountLine("/", "/p", "cgroup", "rw,pids"),
		"root/cg/a/cgroup.procs": "", "root/p/a/tasks": "", "root/p/a/memory.events": "oom_kill 1\n",
	})
	o := &Observation{}
	if _, err := o.openCgroups([]plan.Cgroup{{Hierarchy: "pids", Path: "/a"}, {Path: "/a"}}, []*Process{self}); err != nil {
		t.Fatal(err)
	}
	if got, _ := o.WhyKilled(request.Host()); o.memory != nil || got != "" {
		t.Errorf("it counts in %v: %q", o.memory, got)
	}
}

func TestCommandWhoseFirstProcessHasEnded(t *testing.T) {
	cmd := running(t, "cat")
	pid := cmd.Process.Pid
	o := &Observation{Processes: map[int]*Process{pid: openTestProcess(t, pid)}}
	web := request.Source{From: request.FromContainer, Name: "web", PID: pid}
	if got, _ := o.WhyKilled(web); got != "" {
		t.Errorf("while it runs: %q", got)
	}
	end(t, cmd)
	if got, hint := o.WhyKilled(web); got != `container "web" has stopped` || hint != "" {
		t.Errorf("after its end: %q, %q", got, hint)
	}
	process := request.Source{From: request.FromPID, PID: pid}
	if got, _ := o.WhyKilled(process); got != process.String()+" has ended" {
		t.Errorf("after the end of a process: %q", got)
	}
	if got, _ := o.WhyKilled(request.Host()); got != "" {
		t.Errorf("in the helper's pid namespace: %q", got)
	}
}
