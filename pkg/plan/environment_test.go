package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// The expected order follows moby's CreateDaemonEnvironment and ReplaceOrAppendEnvValues. Variables
// are separated by spaces here, without HOME, which comes last.
func TestPositionOfTERM(t *testing.T) {
	for _, row := range []struct {
		name       string
		was, now   bool // the container has a terminal; the command has one
		configured string
		container  string
		command    string
	}{
		{
			"neither has a terminal",
			false, false, "A=1", "PATH=/bin HOSTNAME=web A=1", "PATH=/bin HOSTNAME=web A=1",
		},
		{
			"both have a terminal",
			true, true, "A=1", "PATH=/bin HOSTNAME=web TERM=xterm A=1", "PATH=/bin HOSTNAME=web TERM=xterm A=1",
		},
		{
			"the command alone",
			false, true, "A=1", "PATH=/bin HOSTNAME=web A=1", "PATH=/bin HOSTNAME=web TERM=xterm A=1",
		},
		{
			"the command alone, and a link",
			false, true, "A=1", "PATH=/bin HOSTNAME=web DB=tcp A=1", "PATH=/bin HOSTNAME=web TERM=xterm DB=tcp A=1",
		},
		{
			"the command alone, and docker run -e TERM=vt100",
			false, true, "A=1 TERM=vt100", "PATH=/bin HOSTNAME=web A=1 TERM=vt100", "PATH=/bin HOSTNAME=web TERM=vt100 A=1",
		},
		{
			"the container alone",
			true, false, "A=1", "PATH=/bin HOSTNAME=web TERM=xterm A=1", "PATH=/bin HOSTNAME=web A=1",
		},
		{
			"the container alone, and docker run -e TERM=vt100 last",
			true, false, "A=1 TERM=vt100", "PATH=/bin HOSTNAME=web TERM=vt100 A=1", "PATH=/bin HOSTNAME=web A=1 TERM=vt100",
		},
		{
			"the container alone, and docker run -e TERM=vt100 between others",
			true, false, "A=1 TERM=vt100 B=2", "PATH=/bin HOSTNAME=web TERM=vt100 A=1 B=2",
			"PATH=/bin HOSTNAME=web A=1 TERM=vt100 B=2",
		},
		{
			"the container alone, and docker run -e TERM=vt100 before the image's PATH",
			true, false, "A=1 TERM=vt100 PATH=/opt", "PATH=/opt HOSTNAME=web TERM=vt100 A=1",
			"PATH=/opt HOSTNAME=web A=1 TERM=vt100",
		},
		{
			"the container alone, and docker run -e TERM=vt100 first",
			true, false, "TERM=vt100 B=2", "PATH=/bin HOSTNAME=web TERM=vt100 B=2", "PATH=/bin HOSTNAME=web TERM=vt100 B=2",
		},
		{
			"the container alone, TERM configured twice: the last value at the position of the first",
			true, false, "TERM=vt52 A=1 TERM=vt100", "PATH=/bin HOSTNAME=web TERM=vt100 A=1",
			"PATH=/bin HOSTNAME=web TERM=vt100 A=1",
		},
		{
			"both have a terminal, TERM configured twice",
			true, true, "TERM=vt52 A=1 TERM=vt100", "PATH=/bin HOSTNAME=web TERM=vt100 A=1",
			"PATH=/bin HOSTNAME=web TERM=vt100 A=1",
		},
		{
			"the command alone, TERM configured twice",
			false, true, "TERM=vt52 A=1 TERM=vt100", "PATH=/bin HOSTNAME=web TERM=vt52 A=1 TERM=vt100",
			"PATH=/bin HOSTNAME=web TERM=vt100 A=1",
		},
		{
			"TERM configured to be unset",
			true, true, "TERM A=1", "PATH=/bin HOSTNAME=web A=1", "PATH=/bin HOSTNAME=web A=1",
		},
		{
			"the command alone, TERM configured to be unset",
			false, true, "A=1 TERM", "PATH=/bin HOSTNAME=web A=1", "PATH=/bin HOSTNAME=web A=1",
		},
		{
			"no HOSTNAME, as with docker run --net host in an old engine",
			false, true, "A=1", "PATH=/bin A=1", "PATH=/bin TERM=xterm A=1",
		},
		{
			"neither PATH nor HOSTNAME",
			false, true, "A=1", "A=1", "TERM=xterm A=1",
		},
		{
			"a variable whose name begins with TERM",
			true, false, "TERMINFO=/t", "PATH=/bin HOSTNAME=web TERM=xterm TERMINFO=/t", "PATH=/bin HOSTNAME=web TERMINFO=/t",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, o := asked(), observed()
			if r.Terminal = request.TerminalNever; row.now {
				r.Terminal = request.TerminalAlways
			}
			s := o.TargetProcess
			s.Spec.Terminal = row.was
			s.Spec.Env, s.ConfigEnv = strings.Fields(row.container), strings.Fields(row.configured)
			got := strings.Join(made(t, r, o).Identity.Env, " ")
			if want := row.command + " HOME=/home/web"; got != want {
				t.Errorf("environment %s\nwant        %s", got, want)
			}
			if now := strings.Join(s.Spec.Env, " "); now != row.container {
				t.Errorf("the observation was changed to %s", now)
			}
		})
	}
}

func TestEnvironmentHasEachVariableOnce(t *testing.T) {
	for _, row := range []struct{ given, want []string }{
		{[]string{"A=1", "B=2", "A=3"}, []string{"A=3", "B=2", "HOME=/home/web"}},
		{[]string{"A=1", "a=2"}, []string{"A=1", "a=2", "HOME=/home/web"}},
		{[]string{"A=1=2"}, []string{"A=1=2", "HOME=/home/web"}},
		{[]string{"A="}, []string{"A=", "HOME=/home/web"}},
		{[]string{"A", "=1", ""}, []string{"HOME=/home/web"}},
		{[]string{"HOME=/a", "A=1", "HOME=/b"}, []string{"HOME=/b", "A=1"}},
	} {
		o := observed()
		o.TargetProcess.Spec.Env, o.TargetProcess.ConfigEnv = row.given, nil
		if got := made(t, asked(), o).Identity.Env; !slices.Equal(got, row.want) {
			t.Errorf("of %q: %q\nwant %q", row.given, got, row.want)
		}
	}
}

func TestHome(t *testing.T) {
	for _, row := range []struct{ account, given, want string }{
		{"/home/web", "A=1", "HOME=/home/web"},
		{"", "A=1", "HOME="}, // a truncated line; without a line it is /
		{"/home/web", "HOME=/srv", "HOME=/srv"},
		{"/home/web", "HOMES=/srv", "HOME=/home/web"},
		{"/home/web", "HOME=", "HOME=/home/web"}, // like the runtime: empty means unset
		{"/", "HOME=", "HOME=/"},
	} {
		o := observed()
		o.TargetProcess.Account.Home = row.account
		o.TargetProcess.Spec.Env = []string{row.given}
		env := made(t, asked(), o).Identity.Env
		if got := env[len(env)-1]; got != row.want {
			t.Errorf("home %q, given %s: %s, want %s", row.account, row.given, got, row.want)
		}
	}
}

func TestCallersEnvironmentLacksTheDockerCLIsVariables(t *testing.T) {
	for _, row := range []struct {
		name        string
		given, want []string
	}{
		{"no variables of the CLI", []string{"A=1", "A=2", "B"}, []string{"A=1", "A=2", "B"}},
		{
			"variables that the CLI sets for plugins",
			[]string{
				"DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND=docker", "A=1",
				"DOCKER_CLI_PLUGIN_SOCKET=@docker_cli", "DOCKER_CLI_PLUGIN_USE_DIAL_STDIO=1",
			},
			[]string{"A=1"},
		},
		{
			"variables that the caller sets for the CLI",
			[]string{"DOCKER_HOST=tcp://engine:2376", "DOCKER_CLI_HINTS=false"},
			[]string{"DOCKER_HOST=tcp://engine:2376", "DOCKER_CLI_HINTS=false"},
		},
		{
			"the CLI's attributes alone",
			[]string{"OTEL_RESOURCE_ATTRIBUTES=docker.cli.cobra.command_path=docker nsjoin", "A=1"},
			[]string{"A=1"},
		},
		{
			"the CLI's attributes among the caller's",
			[]string{"OTEL_RESOURCE_ATTRIBUTES=service.name=a,docker.cli.cobra.command_path=docker%20nsjoin,docker.client=b"},
			[]string{"OTEL_RESOURCE_ATTRIBUTES=service.name=a,docker.client=b"},
		},
		{
			"the caller's attributes alone",
			[]string{"OTEL_RESOURCE_ATTRIBUTES=service.name=docker.cli.a", "OTEL_SERVICE_NAME=docker.cli.a"},
			[]string{"OTEL_RESOURCE_ATTRIBUTES=service.name=docker.cli.a", "OTEL_SERVICE_NAME=docker.cli.a"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := asked()
			r.Take, r.CallerEnv = ns.SetOf(ns.Net), row.given
			if got := made(t, r, observed()).Identity.Env; !slices.Equal(got, row.want) {
				t.Errorf("environment %q\nwant %q", got, row.want)
			}
		})
	}
}

// A process may have overwritten its environment.
func TestEnvironmentOfAProcess(t *testing.T) {
	const engines = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, row := range []struct{ was, given, want []string }{
		{[]string{"nginx: master process", "A=1", "=x", "B"}, nil, []string{"A=1", engines, "HOME=/var/www"}},
		{nil, nil, []string{engines, "HOME=/var/www"}},
		{[]string{"PATH=/own", "A=1"}, nil, []string{"PATH=/own", "A=1", "HOME=/var/www"}},
		{nil, []string{"PATH"}, []string{"HOME=/var/www"}},
	} {
		r, o := asked(), observed()
		r.Env = row.given
		o.TargetProcess.ContainerID, o.TargetProcess.Spec.Env, o.TargetProcess.Account.Home = "", row.was, "/var/www"
		if got := made(t, r, o).Identity.Env; !slices.Equal(got, row.want) {
			t.Errorf("%q, -e %q: %q, want %q", row.was, row.given, got, row.want)
		}
	}
}
