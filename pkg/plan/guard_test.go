package plan_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// A command with more rights than the processes that can see it is refused if they can open it.
func TestGuard(t *testing.T) {
	user := helper().Namespaces[ns.User]
	ofDocker := capSet("chown", "kill", "net_bind_service", "setuid", "setgid")
	watcher := func(caps plan.CapSet) []plan.Watcher {
		return []plan.Watcher{{User: user, Capabilities: caps, AnyID: true}}
	}
	onlyPID := func(r *request.Request, o *plan.Observed) {
		r.Take = ns.SetOf(ns.PID)
		o.TargetProcess, o.Kept = nil, ^plan.CapSet(0)
	}
	pidOfApp := func(r *request.Request, o *plan.Observed) {
		r.Overrides = map[ns.Kind]request.Source{ns.PID: source("app")}
		o.Overrides = map[ns.Kind]plan.Process{ns.PID: process(appPID, docker())}
	}
	outside := func(caps plan.CapSet) []plan.Watcher {
		return []plan.Watcher{{User: user, Capabilities: caps, Outside: 4711, Container: strings.Repeat("5f", 32)}}
	}
	const (
		other = `: processes of container 5f5f5f5f5f5f (4711) can `
		drops = `pid of "web": processes there can open a child of the command that drops its rights`
		opens = `pid of "web": processes there can open the host's files through the command`
		reads = `pid of "web": processes there can read the environment of the command`
		mixed = `pid of "app": processes there can `
	)
	for _, row := range []struct {
		name           string
		vary           func(*request.Request, *plan.Observed)
		watchers       []plan.Watcher
		refused, warns string
	}{
		{"all of web", func(*request.Request, *plan.Observed) {}, watcher(^plan.CapSet(0)), "", ""},
		{"--only pid of a default container", onlyPID, watcher(ofDocker), "", drops},
		{"--only pid of one with SYS_PTRACE", onlyPID, watcher(ofDocker | capSet("sys_ptrace")), opens, opens},
		{"--only pid of a privileged one", onlyPID, watcher(^plan.CapSet(0)), opens, opens},
		{"--only pid of one with SYS_ADMIN", onlyPID, watcher(ofDocker | capSet("sys_admin")), reads, reads},
		{"--only pid without watchers", onlyPID, nil, "", ""},
		{"--only pid of one with a user namespace", onlyPID, []plan.Watcher{{User: ns.ID{Ino: 9}, Capabilities: ^plan.CapSet(0), AnyID: true}}, "", ""},
		{"web with the pid namespace of app", pidOfApp, watcher(ofDocker), "", mixed + "open the files and the memory of the command"},
		{"web with the pid namespace of app, which has fewer capabilities", pidOfApp, watcher(capSet("setuid")), mixed + "take over the command, which has more", mixed},
		{"web with the pid namespace of app, which has no_new_privs", pidOfApp, []plan.Watcher{{User: user, Capabilities: ofDocker, NoNewPrivileges: true}}, mixed + "take over the command, which lacks the no_new_privs", mixed},
		{"both have no_new_privs", func(r *request.Request, o *plan.Observed) {
			pidOfApp(r, o)
			o.TargetProcess.Spec.NoNewPrivileges = true
		}, []plan.Watcher{{User: user, Capabilities: ofDocker, NoNewPrivileges: true}}, "", mixed + "open the files and the memory of the command"},
		{"app is privileged with no_new_privs, and its user is not root", pidOfApp, []plan.Watcher{{User: user, Capabilities: ^plan.CapSet(0), NoNewPrivileges: true}}, mixed + "take over the command, which lacks the no_new_privs", mixed},
		{"web without a seccomp profile, and app has one", func(r *request.Request, o *plan.Observed) {
			pidOfApp(r, o)
			o.TargetProcess.Spec.Seccomp, o.TargetProcess.Filters = false, nil
		}, []plan.Watcher{{User: user, Capabilities: ofDocker, AnyID: true, Filtered: true}}, mixed + "take over the command, which lacks the seccomp profile", mixed},
		{"web and app have a seccomp profile", pidOfApp, []plan.Watcher{{User: user, Capabilities: ofDocker, AnyID: true, Filtered: true}}, "", mixed + "open the files and the memory of the command"},
		{"web with the pid namespace of app, and another container with no_new_privs", pidOfApp, []plan.Watcher{{User: user, Capabilities: ofDocker | capSet("sys_ptrace"), NoNewPrivileges: true, Outside: 4711, Container: strings.Repeat("5f", 32)}}, `pid of "app"` + other + "take over the command, which lacks the no_new_privs that they have, if a process in that pid namespace passes", `pid of "app"` + other},
		{"web and app have no_new_privs, and app's processes have no capabilities", func(r *request.Request, o *plan.Observed) {
			pidOfApp(r, o)
			o.TargetProcess.Spec.NoNewPrivileges = true
		}, []plan.Watcher{{User: user, UIDs: []uint32{1000}, GIDs: []uint32{1000}, NoNewPrivileges: true}}, "", mixed + "open the files and the memory of the command"},
		{"--only pid, and another container", onlyPID, outside(capSet("sys_ptrace")), `pid of "web"` + other + "open the host's files", `pid of "web"` + other},
		{"--only pid, and processes that are in no container", onlyPID, []plan.Watcher{{User: user, Capabilities: capSet("sys_ptrace"), Outside: 4711}}, `pid of "web": processes of another pid namespace (4711) can `, `pid of "web": processes of another`},
		{"--only pid, and many containers", onlyPID, []plan.Watcher{{User: user, Capabilities: capSet("sys_ptrace"), Outside: 4711, Container: strings.Repeat("5f", 32), More: true}}, `pid of "web": processes of container 5f5f5f5f5f5f (4711) and others can `, `pid of "web": processes of container`},
		{"--only pid, and another container in a user namespace", onlyPID, []plan.Watcher{{User: ns.ID{Ino: 9}, Capabilities: ^plan.CapSet(0), Outside: 4711}}, "", ""},
		{"--only pid with a new user namespace, and another container whose root is its owner", func(r *request.Request, o *plan.Observed) {
			onlyPID(r, o)
			o.Users = append([]plan.UserNamespace{{ID: ns.ID{Ino: 9}, Owner: 0}}, o.Users...)
		}, []plan.Watcher{{User: user, UIDs: []uint32{0}, Outside: 4711, Container: strings.Repeat("5f", 32)}}, `pid of "web"` + other, `pid of "web"` + other},
		{"web with the pid namespace of app, and another container", pidOfApp, outside(^plan.CapSet(0) &^ (1 << 22)), "", `pid of "app"` + other + "open the files and the memory"},
		{"web with more rights than another container", func(r *request.Request, o *plan.Observed) {
			r.Privileged, o.Capabilities = true, ^plan.CapSet(0)
		}, outside(capSet("sys_ptrace")), `pid of "web"` + other + "take over the command, which has more", `pid of "web"` + other},
		{"web with more capabilities in a user namespace that another container's root owns", func(r *request.Request, o *plan.Observed) {
			r.Privileged, o.Capabilities = true, ^plan.CapSet(0)
			o.Users = append([]plan.UserNamespace{{ID: ns.ID{Ino: 9}, Owner: 0}}, o.Users...)
		}, []plan.Watcher{{User: user, UIDs: []uint32{0}, Outside: 4711, Container: strings.Repeat("5f", 32)}}, "", ""},
		{"web with no more rights than another container", func(r *request.Request, o *plan.Observed) {
			r.Privileged, o.Capabilities = true, capSet("sys_ptrace")
		}, outside(capSet("sys_ptrace")), "", ""},
		{"--privileged", func(r *request.Request, o *plan.Observed) {
			r.Privileged, o.Capabilities = true, ^plan.CapSet(0)
			o.TargetProcess.Spec.UID = 0
			o.TargetProcess.Spec.GID = 0
		}, watcher(ofDocker), "", ""},
		{"--privileged in a privileged container of an older engine, which knows fewer capabilities", func(r *request.Request, o *plan.Observed) {
			r.Privileged, o.Capabilities = true, 1<<41-1
		}, watcher(1<<38 - 1), "", ""},
		{"--privileged in a privileged container of a machine whose root is restricted", func(r *request.Request, o *plan.Observed) {
			r.Privileged, o.Capabilities, o.OfRoot = true, ofDocker|capSet("sys_admin", "sys_ptrace"), ofDocker|capSet("sys_admin", "sys_ptrace")
		}, watcher(ofDocker | capSet("sys_admin", "sys_ptrace")), "", ""},
		{"--privileged as another user", func(r *request.Request, o *plan.Observed) {
			r.Privileged, o.Capabilities = true, ^plan.CapSet(0)
		}, watcher(ofDocker), `pid of "web": processes there can take over the command, which has more`, `pid of "web"`},
	} {
		for _, trusted := range []bool{false, true} {
			r, o := asked(), observed()
			row.vary(r, o)
			o.Watchers, r.TrustContainer = row.watchers, trusted
			p, err := plan.New(r, o)
			if row.refused != "" && !trusted {
				if err == nil || !strings.HasPrefix(err.Error(), row.refused) || !strings.Contains(hintOf(err), "--trust-container") {
					t.Errorf("%s: %v, want %q", row.name, err, row.refused)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", row.name, err)
				continue
			}
			if got := warningOf(p, "pid of"); !strings.HasPrefix(got, row.warns) || row.warns == "" && got != "" {
				t.Errorf("%s: warning %q, want %q", row.name, got, row.warns)
			}
		}
	}
}

// Missing facts never add rights.
func TestUnobservedWatchersAreRefused(t *testing.T) {
	r, o := asked(), observed()
	r.Take, r.TrustContainer = ns.SetOf(ns.PID), true
	o.TargetProcess, o.Users = nil, nil
	if _, err := plan.New(r, o); err == nil || exit.Status(err) != exit.Failed {
		t.Errorf("%v, want a refusal", err)
	}
}

// hintOf returns an error's hint, or "".
func hintOf(err error) string {
	if known, ok := errors.AsType[*exit.Error](err); ok {
		return known.Hint
	}
	return ""
}
