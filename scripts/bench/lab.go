//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/payload"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

const (
	image = "nsjoin-test"
	label = "io.nsjoin.bench"
)

// lab has what the contestants need: containers, plugins, programs.
type lab struct {
	dir, docker, nsenter, plugin, helper string
	nsjoin                               string         // the link to the plugin
	empty                                string         // an empty plugin, which is also an empty program
	web                                  string         // the container that most rows use
	pid                                  string         // web's first process
	many                                 []string       // further containers, of startMany
	env                                  []string       // of the programs
	serving                              map[int]string // ports of web, by how many bytes they send
	atEnd                                []func()       // what close does first, the last one first
}

// newLab prepares a lab. It needs the plugin in build and an engine with the test images.
func newLab(ctx context.Context) (l *lab, err error) {
	l = &lab{plugin: "build/docker-nsjoin", helper: "pkg/payload/helpers/linux_" + runtime.GOARCH}
	for _, program := range []struct {
		name string
		path *string
	}{{"docker", &l.docker}, {"nsenter", &l.nsenter}} {
		if *program.path, err = exec.LookPath(program.name); err != nil {
			return nil, err
		}
	}
	for _, path := range []*string{&l.plugin, &l.helper} {
		if *path, err = filepath.Abs(*path); err != nil {
			return nil, err
		}
	}
	if l.dir, err = os.MkdirTemp("", "nsjoin-bench."); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	plugins := filepath.Join(l.dir, "cli-plugins")
	if err := os.Mkdir(plugins, 0o755); err != nil {
		return nil, err
	}
	if err := os.Symlink(l.plugin, filepath.Join(plugins, "docker-nsjoin")); err != nil {
		return nil, err
	}
	l.nsjoin = filepath.Join(l.dir, "nsjoin")
	if err := os.Symlink(l.plugin, l.nsjoin); err != nil {
		return nil, err
	}
	l.empty = filepath.Join(plugins, "docker-empty")
	build := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", l.empty, "./scripts/bench/empty")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the empty plugin: %w\n%s", err, out)
	}
	host, err := l.output("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
	if err != nil {
		return nil, err
	}
	l.env = append(os.Environ(), "DOCKER_CONFIG="+l.dir, "DOCKER_HOST="+host)
	if l.web, err = l.start(); err != nil {
		return nil, err
	}
	if l.pid, err = l.output("docker", "inspect", "--format", "{{.State.Pid}}", l.web); err != nil {
		return nil, err
	}
	if err := l.writeLines(); err != nil {
		return nil, err
	}
	return l, l.writeRequest()
}

// start starts a container and returns its ID.
func (l *lab) start() (string, error) {
	return l.output("docker", "run", "-d", "--rm", "--label", label+"="+strconv.Itoa(os.Getpid()), image, "sleep", "1800")
}

// startMany starts containers, four at a time, until n run besides web.
func (l *lab) startMany(n int) error {
	var group sync.WaitGroup
	slots, errs := make(chan struct{}, 4), make([]error, n)
	ids := make([]string, n)
	for i := len(l.many); i < n; i++ {
		slots <- struct{}{}
		group.Go(func() {
			ids[i], errs[i] = l.start()
			<-slots
		})
	}
	group.Wait()
	l.many = append(l.many, ids[len(l.many):]...)
	return errors.Join(errs...)
}

// stopMany stops what startMany started.
func (l *lab) stopMany() error {
	if len(l.many) == 0 {
		return nil
	}
	_, err := l.output("docker", append([]string{"rm", "-f", "-v"}, l.many...)...)
	l.many = nil
	return err
}

// close removes the lab's containers and files.
func (l *lab) close() {
	for _, do := range slices.Backward(l.atEnd) {
		do()
	}
	ids, err := l.output("docker", "ps", "-aq", "--filter", "label="+label+"="+strconv.Itoa(os.Getpid()))
	if err == nil && ids != "" {
		_, err = l.output("docker", append([]string{"rm", "-f", "-v"}, strings.Fields(ids)...)...)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: containers with the label", label, "may be left:", err)
	}
	os.RemoveAll(l.dir)
}

// setting returns a variable of the programs' environment.
func (l *lab) setting(name string) string {
	for _, setting := range slices.Backward(l.env) {
		if value, ok := strings.CutPrefix(setting, name+"="); ok {
			return value
		}
	}
	return ""
}

// output runs a command and returns what it prints.
func (l *lab) output(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = l.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, args[0], err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// command returns a function that runs a program to its end, with /dev/null as standard input and
// output. It starts no goroutine and makes no pipe, since its time is measured.
func (l *lab) command(program string, args ...string) func() error {
	return func() error { return runWith(l.env, []uintptr{null(), null(), 2}, program, args...) }
}

func runWith(env []string, files []uintptr, program string, args ...string) error {
	pid, err := forkExec(program, append([]string{program}, args...), env, files)
	if err != nil {
		return err
	}
	return wait(pid)
}

// writeRequest writes the request that the plugin would send to the helper for the command true in web.
func (l *lab) writeRequest() error {
	pid, err := strconv.Atoi(l.pid)
	if err != nil {
		return err
	}
	env, err := l.output("docker", "inspect", "--format", "{{join .Config.Env \"\\n\"}}", l.web)
	if err != nil {
		return err
	}
	r := &request.Request{
		Version: request.Version, Take: ns.All(), Command: []string{"true"}, Terminal: request.TerminalNever,
		Base: request.Source{
			From: request.FromContainer, Name: "web", PID: pid,
			Container: &request.Container{ID: l.web, Env: strings.Fields(env)},
		},
	}
	f, err := os.Create(filepath.Join(l.dir, "request"))
	if err != nil {
		return err
	}
	defer f.Close()
	return r.Write(f)
}

// runHelper runs the helper alone on that request.
func (l *lab) runHelper() error {
	fd, err := unix.Open(filepath.Join(l.dir, "request"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return runWith(payload.Env(), []uintptr{null(), null(), 2, uintptr(fd)}, l.helper, "3")
}
