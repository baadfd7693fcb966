//go:build linux

package observe

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// apart starts a child with its own namespaces of the given kinds.
func apart(t *testing.T, kinds ns.Set) int {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("needs root")
	}
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: uintptr(kinds.Flags())}
	start(t, cmd)
	return cmd.Process.Pid
}

func surveyFor(t *testing.T, claims ...request.Claim) *survey.Survey {
	t.Helper()
	s, err := scan(&request.Survey{Containers: claims})
	if err != nil {
		t.Fatal(err)
	}
	return &s.Survey
}

func processIn(t *testing.T, s *survey.Survey, pid int) survey.Process {
	t.Helper()
	i := slices.IndexFunc(s.Processes, func(p survey.Process) bool { return p.PID == pid })
	if i < 0 {
		t.Fatalf("process %d is missing", pid)
	}
	return s.Processes[i]
}

func TestSurveyFindsNamespacesOfProcesses(t *testing.T) {
	pid := apart(t, ns.SetOf(ns.Net, ns.UTS))
	s := surveyFor(t)
	p := processIn(t, s, pid)
	if p.Parent != os.Getpid() || p.Start == 0 || p.Origin != nil {
		t.Errorf("it is %+v, a child of %d", p, os.Getpid())
	}
	for _, k := range ns.Kinds() {
		link, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/" + k.String())
		id := ns.ID{Ino: s.Groups[p.Group].Namespaces[k]}
		if err == nil && id.Link(k) != link {
			t.Errorf("%s: %s, want %s", k, id.Link(k), link)
		}
	}
	if n := s.Groups[p.Group].Count; n != 1 {
		t.Errorf("%d processes in its namespaces, want 1", n)
	}
	if s.Groups[0].Count == 0 {
		t.Error("the host has no processes")
	}
}

// The test acts as the shim: its working directory is the bundle.
func TestSurveyFindsAContainersFirstProcess(t *testing.T) {
	id := strings.Repeat("1f", 32)
	bundle := filepath.Join(t.TempDir(), id)
	write(t, filepath.Join(bundle, "config.json"), "{}")
	first := apart(t, ns.SetOf(ns.Mnt, ns.Net))
	second := apart(t, ns.SetOf(ns.Mnt)) // younger, like the command of an exec
	t.Chdir(bundle)

	// If the tests run in a container themselves, the proof must fail.
	self := &Process{PID: os.Getpid()}
	self.dir, _ = procfs.OpenDir("/proc/self")
	groups, err := self.readCgroups()
	if err != nil {
		t.Fatal(err)
	}
	contained := slices.ContainsFunc(groups, func(g plan.Cgroup) bool { return len(containersInPath(g.Path)) > 0 })
	for _, claim := range []request.Claim{{ID: id}, {ID: id, PID: first}} {
		s := surveyFor(t, claim)
		if contained {
			if len(s.Containers) != 0 {
				t.Errorf("found %+v in a container", s.Containers)
			}
			continue
		}
		if len(s.Containers) != 1 {
			t.Fatalf("found %+v, the first process is %d, another %d", s.Containers, first, second)
		}
		c := s.Containers[0]
		if c.ID != id || c.First != first || c.Shim != os.Getpid() || c.Bundle != bundle || c.Engine != 0 {
			t.Errorf("found %+v", c)
		}
		if own := s.Own(&c); own != ns.SetOf(ns.Mnt, ns.Net) {
			t.Errorf("its own namespaces are %s", own)
		}
	}
	for _, claim := range []request.Claim{
		{ID: strings.Repeat("2e", 32)},
		{ID: strings.Repeat("2e", 32), PID: first},
		{ID: id, PID: os.Getpid()},
		{ID: id, PID: 1 << 22},
	} {
		if s := surveyFor(t, claim); len(s.Containers) != 0 {
			t.Errorf("%+v: found %+v", claim, s.Containers)
		}
	}
}

func TestSurveyHoldsNothingOpen(t *testing.T) {
	apart(t, ns.SetOf(ns.Net))
	before, err := procfs.Numbers("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Survey(&request.Survey{Containers: []request.Claim{{ID: strings.Repeat("1f", 32), PID: 1}}, Held: true}); err != nil {
		t.Fatal(err)
	}
	expectNoMoreDescriptors(t, "a survey", len(before))
}

// expectNoMoreDescriptors fails if more descriptors are open than before. A thread of an earlier read may close
// its descriptor a little later; fewer means that garbage of other tests was collected.
func expectNoMoreDescriptors(t *testing.T, what string, before int) {
	t.Helper()
	var open []int
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if open, err = procfs.Numbers("/proc/self/fd"); err == nil && len(open) <= before {
			return
		}
	}
	t.Errorf("%s: %d descriptors, %v; %d before", what, len(open), err, before)
}

// A container that may make cgroups can name one like another container, below its own.
func TestCgroupContainerIsTheOutermost(t *testing.T) {
	ids := map[string]bool{webID: true, appID: true}
	for cgroup, want := range map[string]string{
		"0::/docker/" + appID + "/" + webID + "\n":                             appID,
		"2:cpu:/\n0::/system.slice/docker-" + webID + ".scope/" + appID + "\n": webID,
		"0::/docker/" + strings.Repeat("3d", 32) + "/" + webID + "\n":          webID,
		"0::/\n": "",
	} {
		if got, err := procDir(t, map[string]string{"cgroup": cgroup}).cgroupContainer(ids); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", cgroup, got, err, want)
		}
	}
}
