package plan_test

import (
	"slices"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

// The processes and the container in the tests: the helper, and the containers web and app.
const (
	helperPID   = 900
	webPID      = 4100
	appPID      = 4200
	containerID = "0f5eaf3c5d1c3b0a9d1f6b2b7f6f8c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7b"
)

// docker returns the kinds of which a container has its own by default.
func docker() ns.Set { return ns.All().Without(ns.SetOf(ns.Time, ns.User)) }

func helper() plan.Process {
	p := plan.Process{PID: helperPID, Namespaces: make(map[ns.Kind]ns.ID)}
	for _, k := range ns.Kinds() {
		p.Namespaces[k] = ns.ID{Dev: 4, Ino: 4026531830 + uint64(k)}
	}
	return p
}

// process returns a process that shares all namespaces with the helper, except own.
func process(pid int, own ns.Set) plan.Process {
	p := helper()
	p.PID = pid
	for _, k := range own.Kinds() {
		p.Namespaces[k] = ns.ID{Dev: 4, Ino: 4026532000 + uint64(pid%1000) + uint64(k)}
	}
	return p
}

func source(name string) request.Source {
	return request.Source{From: request.FromContainer, Name: name}
}

// asked is docker nsjoin web ls /.
func asked() *request.Request {
	return &request.Request{
		Version: request.Version, Base: source("web"), Take: ns.All(), Command: []string{"ls", "/"},
		CallerEnv: []string{"PATH=/usr/bin:/bin", "HOME=/home/me", "SHELL=/usr/bin/zsh"},
		Terminal:  request.TerminalAuto,
	}
}

// observed has a default container web, whose user is not root.
func observed() *plan.Observed {
	return &plan.Observed{
		Self: helper(), CPUs: []int{0, 1},
		Base:          process(webPID, docker()),
		TargetProcess: targetProcess(),
		Users:         []plan.UserNamespace{{ID: helper().Namespaces[ns.User]}},
	}
}

func targetProcess() *plan.TargetProcess {
	caps := capSet("chown", "kill", "net_bind_service")
	return &plan.TargetProcess{
		Spec: plan.Spec{
			Env: []string{"PATH=/usr/sbin:/usr/bin", "HOSTNAME=0f5eaf3c5d1c", "COLOR=blue"},
			Dir: "/srv", UID: 1000, GID: 1001, Groups: []uint32{1001, 20},
			Capabilities: plan.Capabilities{Bounding: caps, Permitted: caps, Effective: caps},
			Seccomp:      true,
		},
		ConfigEnv: []string{"COLOR=blue"},
		Starter: plan.Starter{
			Umask: 0o022, CPUs: []int{0, 1}, OOMScoreAdj: -998,
			Limits: []plan.Limit{{Resource: nofile, Soft: 1024, Hard: 524288}},
		},
		ContainerID: containerID,
		Account:     plan.Account{Home: "/home/web", Shell: "/bin/ash", ShellExists: true},
		UIDMap:      []plan.IDRange{{Inside: 0, Outside: 0, Count: 4294967295}},
		Filters:     []plan.Filter{{Program: allowing(12), Flags: 2}},
		Cgroups:     []plan.Cgroup{{Hierarchy: "", Path: "/system.slice/docker-0f5eaf3c5d1c.scope"}},
	}
}

// nofile is RLIMIT_NOFILE.
const nofile plan.Resource = 7

// terminal is a caller at a terminal, in its foreground.
var terminal = request.Streams{InputTerminal: true, OutputTerminal: true, ErrorsTerminal: true, Foreground: true}

func capSet(names ...string) plan.CapSet {
	var set plan.CapSet
	for _, name := range names {
		set |= plan.ParseCap(name)
	}
	return set
}

func made(t *testing.T, r *request.Request, o *plan.Observed) *plan.Plan {
	t.Helper()
	p, err := plan.New(r, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// allowing is a filter of n instructions that allows everything.
func allowing(n int) []seccomp.Instruction {
	return slices.Repeat([]seccomp.Instruction{{Code: 0x06, K: 0x7fff0000}}, n)
}
