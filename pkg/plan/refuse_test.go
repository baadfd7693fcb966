package plan_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

func TestNewRefuses(t *testing.T) {
	for _, row := range []struct {
		name   string
		spoil  func(*request.Request, *plan.Observed)
		report string
		status int
	}{
		{
			"a container that was not observed",
			func(_ *request.Request, o *plan.Observed) { o.TargetProcess = nil },
			"identity of \"web\": the process was not observed\n", exit.Failed,
		},
		{
			"more groups than the kernel allows",
			func(_ *request.Request, o *plan.Observed) {
				o.TargetProcess.Spec.Groups = nil
				for g := range uint32(300_000) { // each a line of /etc/group
					o.TargetProcess.Spec.Groups = append(o.TargetProcess.Spec.Groups, g)
				}
			},
			"identity of \"web\": its /etc/group puts the user in 300000 groups, and the kernel allows 65536\n" +
				"hint: name the group as well, -u USER:GROUP: the user's groups in /etc/group are then ignored\n", exit.Failed,
		},
		{
			"a filter that cannot be copied",
			func(_ *request.Request, o *plan.Observed) { o.TargetProcess.FiltersErr = fs.ErrPermission },
			"identity of \"web\": copy seccomp filter: permission denied\n", exit.Failed,
		},
		{
			"a filter that cannot be copied, although the runtime gave none",
			func(_ *request.Request, o *plan.Observed) {
				o.TargetProcess.FiltersErr, o.TargetProcess.Spec.Seccomp = fs.ErrPermission, false
			},
			"identity of \"web\": copy seccomp filter: permission denied\n", exit.Failed,
		},
		{
			"a filter that may not be copied, and an unknown profile",
			func(_ *request.Request, o *plan.Observed) {
				o.TargetProcess.FiltersErr, o.TargetProcess.FiltersDenied = fs.ErrPermission, true
			},
			"identity of \"web\": copy seccomp filter: permission denied\n", exit.Failed,
		},
		{
			"a filter that cannot be copied for another reason, and a profile",
			func(_ *request.Request, o *plan.Observed) {
				o.TargetProcess.FiltersErr, o.TargetProcess.Profile = fs.ErrPermission, &seccomp.Profile{DefaultAction: "SCMP_ACT_ALLOW"}
			},
			"identity of \"web\": copy seccomp filter: permission denied\n", exit.Failed,
		},
		{
			"a filter that the runtime gave and that is missing",
			func(_ *request.Request, o *plan.Observed) { o.TargetProcess.Filters = nil },
			"identity of \"web\": the runtime gave the container a seccomp filter, but its first process has none\n", exit.Failed,
		},
		{
			"an AppArmor profile that was removed",
			func(r *request.Request, o *plan.Observed) {
				r.Base.Container = &request.Container{ID: containerID}
				o.TargetProcess.Spec.AppArmor, o.TargetProcess.NoProfile = "of two words", true
			},
			"identity of \"web\": label 'of two words': the AppArmor profile is not loaded; it was removed\n" +
				"hint: load it again: apparmor_parser -r FILE\n", exit.Failed,
		},
		{
			"the engine's own AppArmor profile, removed",
			func(r *request.Request, o *plan.Observed) {
				r.Base.Container = &request.Container{ID: containerID}
				o.TargetProcess.Spec.AppArmor, o.TargetProcess.NoProfile = "docker-default", true
			},
			"identity of \"web\": label docker-default: the AppArmor profile is not loaded; it was removed\n" +
				"hint: docker exec web true makes the engine load it again\n", exit.Failed,
		},
		{
			"a process's AppArmor profile, removed",
			func(_ *request.Request, o *plan.Observed) {
				o.TargetProcess.ContainerID, o.TargetProcess.Spec.AppArmor, o.TargetProcess.NoProfile = "", "docker-default", true
			},
			"identity of \"web\": label docker-default: the AppArmor profile is not loaded; it was removed\n" +
				"hint: load it again: apparmor_parser -r FILE\n", exit.Failed,
		},
		{
			"an unreadable passwd without HOME",
			func(_ *request.Request, o *plan.Observed) { o.TargetProcess.AccountErr = fs.ErrInvalid },
			"identity of \"web\": invalid argument\nhint: -e HOME=/ sets the home directory, so that /etc/passwd is not needed for it\n", exit.Failed,
		},
		{
			"an unreadable passwd without a command",
			func(r *request.Request, o *plan.Observed) {
				r.Command, o.TargetProcess.AccountErr = nil, fs.ErrInvalid
				o.TargetProcess.Spec.Env = append(o.TargetProcess.Spec.Env, "HOME=/srv")
			},
			"login shell: invalid argument\nhint: name a command, such as sh\n", exit.Failed,
		},
		{
			"-it without a terminal",
			func(r *request.Request, o *plan.Observed) {
				r.Terminal, r.Interactive, o.Streams.OutputTerminal = request.TerminalAlways, true, true
			},
			"-it: standard input is not a terminal\nhint: omit -t to run without a terminal\n", exit.Failed,
		},
		{
			"-u in the host's file system",
			func(r *request.Request, _ *plan.Observed) { r.Take, r.User = ns.SetOf(ns.Net), "web:www" },
			"-u web:www: a command in the host's file system runs as the caller\n" +
				"hint: to change the user, run setpriv --reuid USER COMMAND\n",
			exit.Failed,
		},
		{
			"-w with a relative directory",
			func(r *request.Request, _ *plan.Observed) { r.Dir = "srv/a" },
			"identity of \"web\": working directory \"srv/a\": not an absolute path\nhint: name a directory that begins with /, such as -w /\n", exit.Failed,
		},
		{
			"a relative directory of the container",
			func(_ *request.Request, o *plan.Observed) { o.TargetProcess.Spec.Dir = "./srv" },
			"identity of \"web\": working directory \"./srv\": not an absolute path\nhint: name a directory that begins with /, such as -w /\n", exit.Failed,
		},
		{
			"an unreadable passwd with an empty HOME",
			func(r *request.Request, o *plan.Observed) {
				r.Env, o.TargetProcess.AccountErr = []string{"HOME="}, fs.ErrInvalid
			},
			"identity of \"web\": invalid argument\nhint: -e HOME=/ sets the home directory, so that /etc/passwd is not needed for it\n", exit.Failed,
		},
		{
			"an empty command",
			func(r *request.Request, _ *plan.Observed) { r.Command = []string{""} },
			"the command is empty\n", exit.NotFound,
		},
		{
			"an empty command with arguments in the host's file system",
			func(r *request.Request, _ *plan.Observed) { r.Take, r.Command = 0, []string{"", "ls"} },
			"the command is empty\n", exit.NotFound,
		},
		{
			"another source of mnt, which the error names",
			func(r *request.Request, o *plan.Observed) {
				r.Overrides = map[ns.Kind]request.Source{ns.Mnt: {From: request.FromPID, PID: appPID}}
				o.Overrides = map[ns.Kind]plan.Process{ns.Mnt: process(appPID, docker())}
				o.TargetProcess = nil
			},
			"identity of pid:4200: the process was not observed\n", exit.Failed,
		},
	} {
		t.Run(row.name, func(t *testing.T) { refuses(t, row.spoil, row.report, row.status) })
	}
}

// refuses checks that a request is refused.
func refuses(t *testing.T, spoil func(*request.Request, *plan.Observed), report string, want int) {
	t.Helper()
	r, o := asked(), observed()
	spoil(r, o)
	p, err := plan.New(r, o)
	if err == nil {
		t.Fatalf("it is planned:\n%s", p)
	}
	if p != nil {
		t.Errorf("there is a plan with the error:\n%s", p)
	}
	var b strings.Builder
	if status := exit.Plugin.Report(&b, err); status != want {
		t.Errorf("status %d, want %d", status, want)
	}
	if want := "docker nsjoin: " + report; b.String() != want {
		t.Errorf("it says %q\nwant %q", b.String(), want)
	}
}

func TestErrorWrapsItsCause(t *testing.T) {
	cause := errors.New("cause")
	for name, spoil := range map[string]func(*plan.TargetProcess){
		"filter":  func(s *plan.TargetProcess) { s.FiltersErr = cause },
		"account": func(s *plan.TargetProcess) { s.AccountErr = cause },
	} {
		o := observed()
		spoil(o.TargetProcess)
		if _, err := plan.New(asked(), o); !errors.Is(err, cause) {
			t.Errorf("%s: %v has lost its cause", name, err)
		}
	}
}

// A command with the caller's identity does not depend on the container's filter and passwd.
func TestCallerIsNotRefused(t *testing.T) {
	r, o := asked(), observed()
	r.Take, r.Terminal = ns.SetOf(ns.Net), request.TerminalAlways
	o.TargetProcess.FiltersErr, o.TargetProcess.AccountErr = fs.ErrPermission, fs.ErrPermission
	if p := made(t, r, o); p.Terminal {
		t.Error("the caller gets a new terminal")
	}
}

// A command with HOME does not need passwd.
func TestAccountIsNeededOnlyForHome(t *testing.T) {
	o := observed()
	o.TargetProcess.AccountErr = fs.ErrInvalid
	o.TargetProcess.Spec.Env = append(o.TargetProcess.Spec.Env, "HOME=/srv")
	if got := made(t, asked(), o).Identity.Env; got[len(got)-1] != "HOME=/srv" {
		t.Errorf("environment %q", got)
	}
}

func TestContainerWithoutFilter(t *testing.T) {
	o := observed()
	o.TargetProcess.Filters, o.TargetProcess.Spec.Seccomp = nil, false
	if got := made(t, asked(), o).Identity.Container.Seccomp; len(got) != 0 {
		t.Errorf("filters %v", got)
	}
}

// No command runs in a paused container, but its identity can be shown.
func TestFrozenContainer(t *testing.T) {
	r, o := asked(), observed()
	o.TargetProcess.Frozen = true
	if _, err := plan.New(r, o); err == nil || !strings.Contains(err.Error(), "its cgroup is frozen, and the command would be frozen with it") {
		t.Errorf("a command in it: %v", err)
	}
	r.Inspect = true
	made(t, r, o)
	r.Inspect, r.Take = false, ns.SetOf(ns.Net)
	made(t, r, o)
}
