//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

const scriptWithin = time.Minute

// TestScript runs the scripts in testdata/script. Each specifies a part of the behaviour: the real
// Docker CLI calls the installed plugin on the engine of scripts/engine. Besides testscript's own
// commands, scripts have these:
//
//	container NAME [OPTION...] [-- COMMAND...]
//	    run a container and set $NAME to its name
//	exits STATUS COMMAND...
//	    run a command, which must end with this exit status
//	same ARGUMENT...
//	    run docker exec and docker nsjoin with these arguments; status and output must be the same
//	answer [--net BASE] CONTAINER PID COMMAND...
//	    run the helper as if the engine had answered that the container's PID is a number,
//	    file:NAME or pid-of:CONTAINER; the container is the base, or with --net the source of
//	    the network; the helper must refuse
//	filters CONTAINER
//	    the seccomp filters of docker exec and docker nsjoin must be the same
//	profile CONTAINER
//	    the filter compiled from the container's profile must decide as the runtime's
//	terminal FILE COMMAND...
//	    run the command at a terminal of 33 lines and 111 columns; of the lines of FILE,
//	    "> text" is typed, "< text" is waited for, and "! text" is run by another shell
//	journald
//	    listen instead of journald, for commands run by "exec audited COMMAND...", which have
//	    $AUDIT/etc as /etc/docker
//	records N FILE
//	    wait for N records and write them to FILE, one field a line
//	until COMMAND...
//	    repeat the command until it succeeds
//
// and these conditions:
//
//	[via:engine] docker nsjoin is called with --via engine, or has no other way
//	[local] joining from here works: as root, on the engine's host, by its socket
//	[host] the tests or the helper are root on the engine's host
//	[engine:rootless] the engine's user is not root
//	[engine:userns] containers have their own user namespace
//	[engine:podman] the engine is Podman's service
//	[engine:audit] /etc/docker and /run/systemd of its host are in $NSJOIN_TEST_AUDIT
//	[engine:policy] an authorization plugin forbids helper containers
//	[engine:foreign] its docker exec is not Docker's with runc
//	[login] the kernel keeps a login UID
//	[logged-in] the tests have a login UID
func TestScript(t *testing.T) { runScripts(t, "script") }

// TestShell runs the scripts in testdata/shells, which test completion in real shells. They need
// what scripts/shells installs.
func TestShell(t *testing.T) { runScripts(t, "shells") }

// TestWindows runs the scripts in testdata/windows with the plugin for Windows, whose path
// scripts/windows puts into NSJOIN_TEST_PLUGIN.
func TestWindows(t *testing.T) {
	if os.Getenv("NSJOIN_TEST_PLUGIN") == "" {
		t.Fatal("this test needs the plugin for Windows: make windows")
	}
	runScripts(t, "windows")
}

func runScripts(t *testing.T, dir string) {
	t.Helper()
	engine := engineOfTest(t)
	params := testscript.Params{
		Dir:                 filepath.Join("testdata", dir),
		RequireExplicitExec: true,
		Setup:               engine.setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"container": container,
			"exits":     exits,
			"same":      same,
			"answer":    answer,
			"filters":   filters,
			"profile":   profile,
			"terminal":  terminal,
			"until":     until,
			"journald":  journald,
			"records":   records,
		},
		Condition: engine.condition,
	}
	testscript.Run(t, params)
}

// testEngine is the engine that tests run on.
type testEngine struct {
	host   string // DOCKER_HOST
	plugin string
	via    string // the --via of every docker nsjoin, or ""
	kinds  map[string]bool
}

func engineOfTest(t *testing.T) testEngine {
	t.Helper()
	if os.Getenv("NSJOIN_TEST_ENGINE") == "" {
		t.Fatal("this test needs an engine: make test, or scripts/engine run -- go test ./plugin")
	}
	if os.Geteuid() != 0 && os.Getenv(viaVariable) != "engine" {
		t.Fatal("joining namespaces from here needs root")
	}
	plugin, err := filepath.Abs(cmp.Or(os.Getenv("NSJOIN_TEST_PLUGIN"), "../build/docker-nsjoin"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(plugin); err != nil {
		t.Fatalf("run make build first: %v", err)
	}
	// The context is in the user's configuration, which scripts do not use.
	host := docker(t, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
	removeLeftovers(t)
	removeOnInterrupt(t)
	return testEngine{host: cmp.Or(os.Getenv("DOCKER_HOST"), host), plugin: plugin, via: os.Getenv(viaVariable), kinds: kindsOfEngine(t)}
}

func (e testEngine) setup(env *testscript.Env) error {
	env.Values[listeningKey{}] = &listening{}
	config := filepath.Join(env.WorkDir, ".docker")
	env.Setenv("DOCKER_CONFIG", config)
	for _, variable := range e.endpoint() {
		name, value, _ := strings.Cut(variable, "=")
		env.Setenv(name, value)
	}
	env.Setenv("HOME", env.WorkDir)
	runtimeDir := filepath.Join(env.WorkDir, "run")
	if err := os.Mkdir(runtimeDir, 0o700); err != nil {
		return err
	}
	env.Setenv("XDG_RUNTIME_DIR", runtimeDir)
	env.Setenv("USER", "root")
	env.Setenv("TERM", "xterm")
	return e.install(config)
}

// tlsVariables are set if the engine is reached by TLS.
var tlsVariables = []string{"DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"}

// endpoint returns the environment with which the Docker CLI reaches the engine.
func (e testEngine) endpoint() []string {
	list := []string{"DOCKER_HOST=" + e.host}
	for _, name := range tlsVariables {
		if value := os.Getenv(name); value != "" {
			list = append(list, name+"="+value)
		}
	}
	return list
}

// install creates the Docker CLI's configuration directory with the plugin in it.
func (e testEngine) install(config string) error {
	plugins := filepath.Join(config, "cli-plugins")
	if err := os.MkdirAll(plugins, 0o755); err != nil {
		return err
	}
	file := filepath.Join(plugins, "docker-nsjoin")
	if e.via == "" || !e.local() { // --via engine is the default if it is the only way
		return os.Symlink(e.plugin, file)
	}
	return os.WriteFile(file, fmt.Appendf(nil, withVia, e.via, e.plugin), 0o755)
}

// viaVariable is the --via of every docker nsjoin of the tests.
const viaVariable = "NSJOIN_TEST_VIA"

// withVia is a wrapper of the plugin that adds the option after the command's name.
const withVia = `#!/bin/sh
via='--via %s'
case $1 in
help | __complete* | docker-cli-plugin-metadata) via= ;;
esac
for a do
	shift
	case $at$a in
	nsjoin) at=next- ;;
	next---help) at=behind- ;; # docker nsjoin --help prints more without other options
	next-ls | next-inspect) at=behind- && set -- "$@" "$a" $via && continue ;;
	next-*) at=behind- && set -- "$@" $via ;;
	esac
	set -- "$@" "$a"
done
exec %s "$@"
`

// local reports whether --via local works. In a container that has the engine's socket it does
// not.
func (e testEngine) local() bool { return onHost() && strings.HasPrefix(e.host, "unix://") }

func onHost() bool { return os.Geteuid() == 0 && os.Getenv("NSJOIN_TEST_ENGINE") != "socket" }

// condition evaluates a condition of a script: see TestScript.
func (e testEngine) condition(name string) (bool, error) {
	if way, ok := strings.CutPrefix(name, "via:"); ok {
		return way == e.via, nil
	}
	switch name {
	case "local":
		return e.local(), nil
	case "login":
		_, err := os.Stat("/proc/self/loginuid")
		return err == nil, nil
	case "logged-in":
		uid, _ := procfs.Login()
		return uid != nil, nil
	case "host": // a rootless engine's helper is not root on the host
		return onHost() && (e.via != "engine" || !e.kinds["rootless"]), nil
	}
	if kind, ok := strings.CutPrefix(name, "engine:"); ok {
		return e.kinds[kind], nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

func container(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: container NAME [OPTION...] [-- COMMAND...]")
	}
	name := fmt.Sprintf("%s-%d-%d", args[0], os.Getpid(), time.Now().UnixNano())
	options, command := args[1:], []string{"sleep", "600"}
	for i, a := range options {
		if a == "--" {
			options, command = options[:i:i], options[i+1:]
			break
		}
	}
	run := append([]string{"run", "-d", "--init=false", "--name", name, "--label", ownLabel()}, options...)
	// A container that failed to start may exist too. The script's environment may name another
	// engine by then, so it is not used.
	ts.Defer(func() { removeContainer(name) })
	starting.RLock()
	err := ts.Exec("docker", append(append(run, testImage), command...)...)
	starting.RUnlock()
	if err != nil {
		ts.Fatalf("docker run %s: %v", args[0], err)
	}
	ts.Setenv(args[0], name)
	ts.Setenv("CONTAINER", name)
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := statusOf(ts, ts.Exec(args[1], args[2:]...)); got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func statusOf(ts *testscript.TestScript, err error) int {
	if exited, ok := errors.AsType[*exec.ExitError](err); ok {
		return exited.ExitCode()
	}
	ts.Check(err)
	return 0
}

// same compares docker exec with docker nsjoin.
func same(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: same CONTAINER COMMAND...")
	}
	run := func(how string) (string, string, int) {
		status := statusOf(ts, ts.Exec("docker", append([]string{how}, args...)...))
		return masked(ts.ReadFile("stdout")), masked(ts.ReadFile("stderr")), status
	}
	out, errs, status := run("exec")
	ourOut, ourErrs, ourStatus := run("nsjoin")
	if ourStatus != status {
		ts.Fatalf("exit status %d, docker exec's is %d", ourStatus, status)
	}
	if ourOut != out {
		ts.Fatalf("docker exec prints\n%s\ndocker nsjoin prints\n%s", out, ourOut)
	}
	if status < 125 && ourErrs != errs {
		ts.Fatalf("stderr of docker exec\n%s\nof docker nsjoin\n%s", errs, ourErrs)
	}
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: until COMMAND...")
	}
	deadline := time.Now().Add(scriptWithin)
	for ts.Exec(args[0], args[1:]...) != nil {
		if time.Now().After(deadline) {
			ts.Fatalf("the command did not succeed within %s", scriptWithin)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
