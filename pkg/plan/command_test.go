package plan_test

import (
	"slices"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

func TestCommandIsLookedUpInTheContainersPATH(t *testing.T) {
	for _, row := range []struct {
		name, path, command string
		search              bool
		want                []string
	}{
		{"a name", "PATH=/usr/bin:/bin", "ls", true, []string{"/usr/bin/ls", "/bin/ls"}},
		{"a relative directory is skipped", "PATH=bin:/bin:.:../bin", "ls", true, []string{"/bin/ls"}},
		{"an empty entry means the current directory and is skipped", "PATH=:/bin::", "ls", true, []string{"/bin/ls"}},
		{"duplicate slashes", "PATH=/bin//:/", "ls", true, []string{"/bin/ls", "/ls"}},
		{"an empty PATH", "PATH=", "ls", true, nil},
		{"no PATH", "A=/bin", "ls", true, nil},
		{"a path", "PATH=/bin", "/opt/run", false, []string{"/opt/run"}},
		{"a relative path", "PATH=/bin", "./run", false, []string{"./run"}},
		{"a path without a leading dot", "PATH=/bin", "bin/run", false, []string{"bin/run"}},
		{"a name that looks like an option", "PATH=/bin", "-l", true, []string{"/bin/-l"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, o := asked(), observed()
			r.Command = []string{row.command, "", "a b"}
			o.TargetProcess.Spec.Env = []string{row.path}
			got := made(t, r, o).Command
			if !slices.Equal(got.Args, r.Command) {
				t.Errorf("arguments %q, want %q", got.Args, r.Command)
			}
			if got.Search != row.search || !slices.Equal(got.Paths, row.want) {
				t.Errorf("searched: %v, at %q; want %v, %q", got.Search, got.Paths, row.search, row.want)
			}
		})
	}
}

func TestLastPATHCounts(t *testing.T) {
	r, o := asked(), observed()
	o.TargetProcess.Spec.Env = []string{"PATH=/a", "PATH=/b"}
	if got := made(t, r, o).Command.Paths; !slices.Equal(got, []string{"/b/ls"}) {
		t.Errorf("in a container it is looked up at %q", got)
	}
	r.Take, r.CallerEnv = 0, o.TargetProcess.Spec.Env
	if got := made(t, r, o).Command.Paths; !slices.Equal(got, []string{"/b/ls"}) {
		t.Errorf("for the caller it is looked up at %q", got)
	}
}

// Without PATH a command of the caller's is found as by execvp(3). Before, it was not found.
func TestCallersCommandWithoutPATH(t *testing.T) {
	r := asked()
	r.Take = ns.SetOf(ns.Net)
	for variable, want := range map[string][]string{"A=/bin": {"/bin/ls", "/usr/bin/ls"}, "PATH=": nil} {
		r.CallerEnv = []string{variable}
		c := made(t, r, observed())
		if got := c.Command.Paths; !slices.Equal(got, want) {
			t.Errorf("%s: it is looked up at %q, want %q", variable, got, want)
		}
		if slices.ContainsFunc(c.Identity.Env, func(v string) bool { return v == "PATH=/bin:/usr/bin" }) {
			t.Error("its environment has another PATH")
		}
	}
}

func TestCallersCommandIsLookedUpInTheCallersPATH(t *testing.T) {
	r := asked()
	r.Take = ns.SetOf(ns.Net)
	if got, want := made(t, r, observed()).Command.Paths, []string{"/usr/bin/ls", "/bin/ls"}; !slices.Equal(got, want) {
		t.Errorf("it is looked up at %q, want %q", got, want)
	}
}

func TestLoginShellInAContainer(t *testing.T) {
	for _, row := range []struct {
		name    string
		account plan.Account
		env     string
		want    []string
		paths   []string
	}{
		{
			"the account's",
			plan.Account{Shell: "/bin/ash", ShellExists: true},
			"PATH=/bin",
			[]string{"/bin/ash"},
			[]string{"/bin/ash"},
		},
		{
			"sh if the account's does not exist",
			plan.Account{Shell: "/bin/bash"},
			"PATH=/sbin:/bin",
			[]string{"sh"},
			[]string{"/sbin/sh", "/bin/sh"},
		},
		{"sh without an account", plan.Account{}, "PATH=/bin", []string{"sh"}, []string{"/bin/sh"}},
		{"SHELL of the container is ignored", plan.Account{}, "SHELL=/bin/zsh", []string{"sh"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, o := asked(), observed()
			r.Command = nil
			o.TargetProcess.Account, o.TargetProcess.Spec.Env = row.account, []string{row.env}
			got := made(t, r, o).Command
			if !slices.Equal(got.Args, row.want) || !slices.Equal(got.Paths, row.paths) {
				t.Errorf("it is %q at %q, want %q at %q", got.Args, got.Paths, row.want, row.paths)
			}
		})
	}
}

func TestLoginShellOfTheCaller(t *testing.T) {
	for _, row := range []struct {
		name, env, want string
	}{
		{"SHELL", "SHELL=/usr/bin/zsh", "/usr/bin/zsh"},
		{"no SHELL", "A=1", "sh"},
		{"an empty SHELL", "SHELL=", "sh"},
		{"a SHELL that is not an absolute path", "SHELL=zsh", "sh"},
		{"a SHELL relative to the current directory", "SHELL=./zsh", "sh"},
	} {
		r, o := asked(), observed()
		r.Take, r.Command, r.CallerEnv = ns.SetOf(ns.Net), nil, []string{row.env}
		if got := made(t, r, o).Command.Args; !slices.Equal(got, []string{row.want}) {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}
