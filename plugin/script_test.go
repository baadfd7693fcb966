//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// The images that scripts/images makes.
const (
	testImage    = "nsjoin-test"
	testLabel    = "io.nsjoin.test" // its value is the test's process
	scriptWithin = time.Minute
)

// TestScript runs the scripts in testdata/script, each a part of the
// specification: the installed plugin, called by the real Docker CLI, on the
// engine that scripts/engine gives. They have these commands besides
// testscript's own:
//
//	container NAME [OPTION...] [-- COMMAND...]
//	    run a container; $NAME is its name from then on
//	exits STATUS COMMAND...
//	    run a command that ends with the exit status
//	same COMMAND...
//	    docker exec and docker nsjoin of the command are alike: status and output
//	answer [--net BASE] CONTAINER PID COMMAND...
//	    run the helper as if the engine had said that PID, a number, file:NAME or
//	    pid-of:CONTAINER, is the container's, for that as the base or as the
//	    network over another; it must refuse
//	filters CONTAINER
//	    the seccomp filters of docker exec and docker nsjoin are alike
//	terminal FILE COMMAND...
//	    run the command at a terminal of 33 lines and 111 columns; FILE has
//	    lines "> text", which is typed, "< text", which is waited for, and
//	    "! text", which a shell runs beside it
//	journald
//	    listen in the place of journald, for what is run by "exec audited COMMAND...",
//	    where $AUDIT/etc is the host's /etc/docker
//	records N FILE
//	    write the records to FILE, a field on a line; N have come since the last time
//	until COMMAND...
//	    repeat the command until it succeeds
//
// and these conditions:
//
//	[via:engine] each docker nsjoin has --via engine, or there is no other way
//	[local] it can join from here: as root, on the engine's host, by its socket
//	[host] it is root where the engine's processes are
//	[engine:rootless] the engine's user is not root
//	[engine:userns] its containers have a user namespace of their own
//	[engine:podman] it is Podman's service
//	[engine:audit] its host's /etc/docker and /run/systemd are in $NSJOIN_TEST_AUDIT
//	[login] the kernel keeps a login uid
//	[logged-in] it is set for the tests
//	[engine:policy] an authorization plugin of it forbids helpers' containers
//	[engine:foreign] its docker exec is not Docker's with runc
func TestScript(t *testing.T) { runScripts(t, "script") }

// TestShell runs those in testdata/shells, which try completion in a real shell.
// They need what scripts/shells installs.
func TestShell(t *testing.T) { runScripts(t, "shells") }

// TestWindows runs those in testdata/windows by the plugin for Windows, which
// scripts/windows puts into NSJOIN_TEST_PLUGIN.
func TestWindows(t *testing.T) {
	if os.Getenv("NSJOIN_TEST_PLUGIN") == "" {
		t.Fatal("this test takes the plugin for Windows: make windows")
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

// testEngine is the engine that the scripts run on.
type testEngine struct {
	host   string // DOCKER_HOST
	plugin string
	via    string // the value of --via that docker nsjoin is called with, or ""
	kinds  map[string]bool
}

// starting is held by who makes a container, so that none is made after all were
// removed at an interruption, by a later test neither.
var starting sync.RWMutex

func engineOfTest(t *testing.T) testEngine {
	t.Helper()
	if os.Getenv("NSJOIN_TEST_ENGINE") == "" {
		t.Fatal("the script tests need an engine: make test, or scripts/engine run -- go test ./plugin")
	}
	if os.Geteuid() != 0 && os.Getenv(viaVariable) != "engine" {
		t.Fatal("joining namespaces from here takes root")
	}
	plugin, err := filepath.Abs(cmp.Or(os.Getenv("NSJOIN_TEST_PLUGIN"), "../build/docker-nsjoin"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(plugin); err != nil {
		t.Fatalf("make build makes the plugin: %v", err)
	}
	// A context is in the user's own configuration, which the scripts don't have.
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

// tlsVariables are set where the engine is reached by TLS.
var tlsVariables = []string{"DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"}

// endpoint is the environment by which the Docker CLI reaches the engine.
func (e testEngine) endpoint() []string {
	list := []string{"DOCKER_HOST=" + e.host}
	for _, name := range tlsVariables {
		if value := os.Getenv(name); value != "" {
			list = append(list, name+"="+value)
		}
	}
	return list
}

// install puts the plugin into a directory of the Docker CLI's configuration,
// which is made.
func (e testEngine) install(config string) error {
	plugins := filepath.Join(config, "cli-plugins")
	if err := os.MkdirAll(plugins, 0o755); err != nil {
		return err
	}
	file := filepath.Join(plugins, "docker-nsjoin")
	if e.via == "" || !e.local() { // where it is the only way it is found
		return os.Symlink(e.plugin, file)
	}
	return os.WriteFile(file, fmt.Appendf(nil, withVia, e.via, e.plugin), 0o755)
}

// viaVariable has every docker nsjoin of the tests called with that --via.
const viaVariable = "NSJOIN_TEST_VIA"

// withVia stands in front of the plugin and adds the option behind its name.
const withVia = `#!/bin/sh
via='--via %s'
case $1 in
help | __complete* | docker-cli-plugin-metadata) via= ;;
esac
for a do
	shift
	case $at$a in
	nsjoin) at=next- ;;
	next---help) at=behind- ;; # which says more where nothing else is said
	next-ls | next-inspect) at=behind- && set -- "$@" "$a" $via && continue ;;
	next-*) at=behind- && set -- "$@" $via ;;
	esac
	set -- "$@" "$a"
done
exec %s "$@"
`

// local tells whether --via local is possible. In a container that has the engine's
// socket it isn't.
func (e testEngine) local() bool { return onHost() && strings.HasPrefix(e.host, "unix://") }

func onHost() bool { return os.Geteuid() == 0 && os.Getenv("NSJOIN_TEST_ENGINE") != "socket" }

// condition is true for via:WAY where that is how docker nsjoin is called, and for
// engine:KIND of the engine's kinds.
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
	case "host": // a rootless engine's helper isn't root there
		return onHost() && (e.via != "engine" || !e.kinds["rootless"]), nil
	}
	if kind, ok := strings.CutPrefix(name, "engine:"); ok {
		return e.kinds[kind], nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

// removeLeftovers removes the containers of tests that were killed.
func removeLeftovers(t *testing.T) {
	t.Helper()
	list := docker(t, "ps", "-a", "--filter", "label="+testLabel, "--format", `{{.ID}} {{.Label "`+testLabel+`"}}`)
	for line := range strings.Lines(list) {
		id, pid, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.Atoi(pid); err == nil && syscall.Kill(n, 0) != nil {
			docker(t, "rm", "-f", "-v", id)
		}
	}
}

// removeOnInterrupt removes this test's containers when it is interrupted, once
// nobody is starting one.
func removeOnInterrupt(t *testing.T) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	t.Cleanup(stop)
	go func() {
		<-ctx.Done()
		if t.Context().Err() != nil {
			return // the test has ended by itself
		}
		starting.Lock()
		for range 2 { // one may be on its way for a client that was interrupted too
			ids, _ := exec.Command("docker", "ps", "-aq", "--filter", "label="+ownLabel()).Output()
			_ = exec.Command("docker", append([]string{"rm", "-f", "-v"}, strings.Fields(string(ids))...)...).Run()
			time.Sleep(time.Second)
		}
		removeCgroups()
		os.Exit(1)
	}()
}

func ownLabel() string { return testLabel + "=" + strconv.Itoa(os.Getpid()) }

func docker(t *testing.T, args ...string) string {
	t.Helper()
	var warnings bytes.Buffer // of an engine that can't do all of it, which are no part of an ID
	cmd := exec.Command("docker", args...)
	cmd.Stderr = &warnings
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s%s", strings.Join(args, " "), err, out, &warnings)
	}
	return strings.TrimSpace(string(out))
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
	// It may be there also where it was not started. Not by the script's environment,
	// which may name another engine by then.
	ts.Defer(func() { _ = exec.Command("docker", "rm", "-f", "-v", name).Run() })
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
		ts.Fatalf("exit status %d, not %d", got, want)
	}
}

func statusOf(ts *testscript.TestScript, err error) int {
	if exited, ok := errors.AsType[*exec.ExitError](err); ok {
		return exited.ExitCode()
	}
	ts.Check(err)
	return 0
}

// same compares docker exec with docker nsjoin, by the words that follow it.
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
		ts.Fatalf("exit status %d, docker exec has %d", ourStatus, status)
	}
	if ourOut != out {
		ts.Fatalf("docker exec prints\n%s\ndocker nsjoin prints\n%s", out, ourOut)
	}
	if status < 125 && ourErrs != errs {
		ts.Fatalf("docker exec says\n%s\ndocker nsjoin says\n%s", errs, ourErrs)
	}
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: until COMMAND...")
	}
	deadline := time.Now().Add(scriptWithin)
	for ts.Exec(args[0], args[1:]...) != nil {
		if time.Now().After(deadline) {
			ts.Fatalf("it did not succeed within %s", scriptWithin)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
