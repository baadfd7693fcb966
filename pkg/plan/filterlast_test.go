//go:build linux

package plan_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

// forbidding returns a filter with an action for calls.
func forbidding(t *testing.T, action string, calls ...string) []plan.Filter {
	t.Helper()
	names, err := json.Marshal(calls)
	if err != nil {
		t.Fatal(err)
	}
	p := &seccomp.Profile{
		DefaultAction: "SCMP_ACT_ALLOW",
		Syscalls:      json.RawMessage(`[{"names": ` + string(names) + `, "action": "` + action + `"}]`),
	}
	program, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return []plan.Filter{{Program: program}}
}

// A filter that forbids a call made after loading it is loaded last.
func TestFilterThatForbidsTheJoinIsLoadedLast(t *testing.T) {
	const usual, last = "seccomp capabilities fork dir-last session settle find exec", "loader fork dir-last session settle find seccomp exec"
	const usualNNP, lastNNP = "no-new-privileges capabilities seccomp fork dir-last session settle find exec",
		"no-new-privileges capabilities fork dir-last session settle find seccomp exec"
	for _, row := range []struct {
		name      string
		filters   []plan.Filter
		want, nnp string
	}{
		{"another call", forbidding(t, "SCMP_ACT_KILL", "acct", "unshare", "setns", "close_range"), usual, usualNNP},
		{"setsid", forbidding(t, "SCMP_ACT_ERRNO", "setsid"), last, lastNNP},
		{"setsid by killing", forbidding(t, "SCMP_ACT_KILL_PROCESS", "setsid"), last, lastNNP},
		{"setsid by a signal", forbidding(t, "SCMP_ACT_TRAP", "setsid"), last, lastNNP},
		{"setsid for a tracer", forbidding(t, "SCMP_ACT_TRACE", "setsid"), last, lastNNP},
		{"setsid, but it is logged", forbidding(t, "SCMP_ACT_LOG", "setsid"), usual, usualNNP},
		{"setsid in a second filter", append(forbidding(t, "SCMP_ACT_ERRNO", "acct"), forbidding(t, "SCMP_ACT_ERRNO", "setsid")...), last, lastNNP},
		{"clone", forbidding(t, "SCMP_ACT_ERRNO", "clone"), last, lastNNP},
		{"read", forbidding(t, "SCMP_ACT_ERRNO", "read"), last, lastNNP},
		{"write", forbidding(t, "SCMP_ACT_KILL", "write"), last, lastNNP},
		{"chdir", forbidding(t, "SCMP_ACT_ERRNO", "chdir"), last, lastNNP},
		{"getcwd", forbidding(t, "SCMP_ACT_KILL", "getcwd"), last, lastNNP},
		{"exit_group", forbidding(t, "SCMP_ACT_ERRNO", "exit_group"), last, lastNNP},
		{"capset, without no_new_privs", forbidding(t, "SCMP_ACT_ERRNO", "capset"), last, usualNNP},
		{"prctl", forbidding(t, "SCMP_ACT_ERRNO", "prctl"), usual, usualNNP},
		{"statx and faccessat, as in profiles of Docker before 18.04", forbidding(t, "SCMP_ACT_ERRNO", "statx", "faccessat"), usual, usualNNP},
		{"statx by killing", forbidding(t, "SCMP_ACT_KILL", "statx"), last, lastNNP},
		{"statx and its fallback", forbidding(t, "SCMP_ACT_ERRNO", "statx", "openat"), last, lastNNP},
		{"faccessat by killing", forbidding(t, "SCMP_ACT_KILL", "faccessat"), last, lastNNP},
		{"ioctl, without a terminal", forbidding(t, "SCMP_ACT_ERRNO", "ioctl"), usual, usualNNP},
	} {
		for _, nnp := range []bool{false, true} {
			r, o := asked(), observed()
			o.TargetProcess.Filters, o.TargetProcess.Spec.NoNewPrivileges = row.filters, nnp
			o.Users = []plan.UserNamespace{{ID: o.Self.Namespaces[ns.User]}}
			want := row.want
			if nnp {
				want = row.nnp
			}
			if got := ops(made(t, r, o)); !strings.HasSuffix(got, " "+want) {
				t.Errorf("%s, %t: %s", row.name, nnp, got)
			}
			if may := plan.MayLoadFilterLast(o.TargetProcess); may != (want == last || want == lastNNP) && row.name != "ioctl, without a terminal" {
				t.Errorf("%s, %t: MayLoadFilterLast: %t", row.name, nnp, may)
			}
		}
	}
	r, o := asked(), observed()
	o.Streams, o.TargetProcess.Filters = terminal, forbidding(t, "SCMP_ACT_ERRNO", "ioctl")
	o.Users = []plan.UserNamespace{{ID: o.Self.Namespaces[ns.User]}}
	if got := ops(made(t, r, o)); !strings.HasSuffix(got, "loader fork dir-last session terminal settle find seccomp exec") {
		t.Errorf("ioctl, at a terminal: %s", got)
	}
}

// Processes that could trace the command before its filter is loaded must be trusted.
func TestFilterLoadedLastIsGuarded(t *testing.T) {
	own := helper().Namespaces[ns.User]
	const tracing plan.CapSet = 1 << 19
	for _, row := range []struct {
		name     string
		vary     func(*request.Request, *plan.Observed)
		refused  string
		warnings int
	}{
		{"no tracer", func(_ *request.Request, o *plan.Observed) {
			o.Watchers = []plan.Watcher{{User: own, Capabilities: ^tracing &^ (1 << 37), AnyID: true}}
		}, "", 0},
		{"a tracer", func(_ *request.Request, o *plan.Observed) {
			o.Watchers = []plan.Watcher{{User: own, Capabilities: tracing}}
		}, `"web": its seccomp profile forbids setsid(2), so `, 0},
		{"a tracer, for pid:N", func(_ *request.Request, o *plan.Observed) {
			o.Watchers, o.TargetProcess.ContainerID = []plan.Watcher{{User: own, Capabilities: tracing}}, ""
		}, `"web": its seccomp filter forbids setsid(2), so `, 0},
		{"a trusted tracer", func(r *request.Request, o *plan.Observed) {
			r.TrustContainer, o.Watchers = true, []plan.Watcher{{User: own, Capabilities: tracing}}
		}, "", 1},
		{"a tracer in another user namespace", func(_ *request.Request, o *plan.Observed) {
			o.Watchers = []plan.Watcher{{User: ns.ID{Ino: 7}, Capabilities: tracing}}
		}, "", 0},
		{"a tracer that is root on the host", func(_ *request.Request, o *plan.Observed) {
			o.Watchers = []plan.Watcher{{User: own, Capabilities: ^plan.CapSet(0)}}
		}, "", 0},
		{"the host's pid namespace", func(_ *request.Request, o *plan.Observed) {
			o.Base, o.Users = process(webPID, ns.SetOf(ns.Mnt, ns.Net)), nil
		}, "", 0},
		{"not observed", func(_ *request.Request, o *plan.Observed) { o.Users = nil }, "the processes that can see the command were not observed", 0},
	} {
		r, o := asked(), observed()
		o.TargetProcess.Filters, o.Users = forbidding(t, "SCMP_ACT_ERRNO", "setsid"), []plan.UserNamespace{{ID: own}}
		row.vary(r, o)
		p, err := plan.New(r, o)
		switch {
		case row.refused == "" && err != nil, row.refused != "" && (err == nil || !strings.Contains(err.Error(), row.refused)):
			t.Errorf("%s: %v", row.name, err)
		case err == nil && len(p.Warnings) != row.warnings:
			t.Errorf("%s: warnings %q", row.name, p.Warnings)
		}
	}
}

func TestFilterThatForbidsTheExecIsRefused(t *testing.T) {
	for _, action := range []string{"SCMP_ACT_ERRNO", "SCMP_ACT_KILL"} {
		r, o := asked(), observed()
		o.TargetProcess.Filters = forbidding(t, action, "execve")
		_, err := plan.New(r, o)
		const want = `"web": its seccomp profile forbids execve(2), so no command can be started`
		if err == nil || err.Error() != want || exit.Status(err) != exit.CannotRun {
			t.Errorf("%s: %v", action, err)
		}
	}
}
