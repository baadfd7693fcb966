//go:build linux

package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nsjoin/docker-nsjoin/pkg/exectest"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

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
	limitTime(env)
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
	env.Setenv("DOCKER_NSJOIN_KEEP", os.Getenv("DOCKER_NSJOIN_KEEP")) // with NSJOIN_TEST_VIA=engine: all tests by a container that is kept
	env.Setenv(auditVariable, os.Getenv(auditVariable))
	env.Setenv("USER", "root")
	env.Setenv("TERM", "xterm")
	// The same program without the Docker CLI. Scripts add $VIA to its options.
	bin := filepath.Join(env.WorkDir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	env.Setenv("PATH", bin+string(filepath.ListSeparator)+env.Getenv("PATH"))
	via := cmp.Or(e.via, "auto")
	if !e.local() {
		via = "auto"
	}
	env.Setenv("VIA", "--via="+via)
	env.Setenv("TEST_LABEL", ownLabel()) // of containers that a script creates itself
	if program, err := os.Executable(); err == nil {
		env.Setenv("TEST_PROGRAM", program)
	}
	if err := os.Symlink(e.plugin, filepath.Join(bin, "nsjoin")); err != nil {
		return err
	}
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
	return exectest.Write(file, fmt.Appendf(nil, withVia, e.via, e.plugin))
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
	next-ls | next-inspect | next-debug | next-each | next-entrypoint | next-forward | next-connect | next-mount | next-umount) at=behind- && set -- "$@" "$a" $via && continue ;;
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

// kindsOfEngine returns the kinds for the scripts' condition engine:KIND.
func kindsOfEngine(t *testing.T) map[string]bool {
	t.Helper()
	info := strings.SplitN(docker(t, "info", "--format", "{{.ServerVersion}}|{{.DefaultRuntime}}|{{.SecurityOptions}}"), "|", 3)
	version, runtime, options := info[0], info[1], info[2]
	rootless, whose := strings.Contains(options, "name=rootless"), foreign(t)
	return map[string]bool{
		"rootless": rootless,
		// A rootless engine before 26 cannot give a container the host's PID namespace.
		"no-helper": rootless && strings.HasPrefix(version, "20."),
		"userns":    rootless || strings.Contains(options, "name=userns"),
		"podman":    whose == "Podman",
		"foreign":   whose != "",
		"crun":      runtime == "crun",
		"policy":    os.Getenv("NSJOIN_TEST_ENGINE") == "policy",
		"swarm":     os.Getenv("NSJOIN_TEST_ENGINE") == "swarm",
		"audit":     os.Getenv(auditVariable) != "",
		"mounts":    hasOwnMounts(),
	}
}

// foreign names the engine or runtime whose docker exec differs from Docker's with runc, or returns
// "". Podman omits HOSTNAME and keeps the first process's HOME; with crun, the command has the shim's
// oom_score_adj, and no HOME without a user. docker nsjoin does as Docker with runc there, so only the
// command's rights are compared.
func foreign(t *testing.T) string {
	t.Helper()
	if strings.Contains(docker(t, "version", "--format", "{{json .Server.Components}}"), "Podman Engine") {
		return "Podman"
	}
	if runtime := docker(t, "info", "--format", "{{.DefaultRuntime}}"); runtime != "runc" {
		return runtime
	}
	return ""
}

// hasOwnMounts reports whether the engine of scripts/engine has a mount namespace of its own, where tests may mount.
func hasOwnMounts() bool {
	dir := filepath.Dir(strings.TrimPrefix(os.Getenv("DOCKER_HOST"), "unix://"))
	pid, err := os.ReadFile(filepath.Join(dir, "docker.pid"))
	if err != nil || !onHost() {
		return false
	}
	theirs, err := os.Readlink("/proc/" + strings.TrimSpace(string(pid)) + "/ns/mnt")
	ours, errOurs := os.Readlink("/proc/self/ns/mnt")
	return err == nil && errOurs == nil && theirs != ours
}
