//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// A caller that has a seccomp filter itself cannot read the container's filter. It can join
// a container without a filter, and any container through the engine.
func TestBreaksInASandbox(t *testing.T) {
	c := newCaller(t)
	host := engineOfTest(t).host
	for _, row := range []struct {
		options []string
		via     string
		status  int
		want    string
	}{
		{nil, "local", 125, `^docker nsjoin: identity of "web-[^"]*": copy seccomp filter: size of filter 0: permission denied` + "\n" +
			regexp.QuoteMeta(sandboxed) + "$"},
		{[]string{"--security-opt", "seccomp=unconfined"}, "auto", 0, "^$"},
		{nil, "auto", 0, "^$"},
	} {
		web := c.container(t, row.options...)
		becomeReaper(t)
		cmd := (&brokenEngine{host: host}).plugin(t, "--via", row.via, web, "true")
		errs := &safeBytes{}
		cmd.Stderr = errs
		startRefused(t, cmd, unix.SYS_KCMP, unix.EPERM)
		if status := ended(t, cmd); status != row.status || !regexp.MustCompile(row.want).Match(errs.bytes()) {
			t.Errorf("%v: exit status %d, stderr %q\nwant %d, %s", row.options, status, errs.bytes(), row.status, row.want)
		}
		nothingLeft(t, cmd)
	}
}

// TestBreaksWhileTheContainerEnds kills a container's first process at different moments of a join, from
// its start to a little after its usual end.
func TestBreaksWhileTheContainerEnds(t *testing.T) {
	host := engineOfTest(t).host
	// Unlike those of caller.container, it can be started again.
	web := fmt.Sprintf("web-%d-%d", os.Getpid(), time.Now().UnixNano())
	runContainer(t, "--init=false", "--name", web, testImage, "sleep", "600")
	// Every failure is reported in one line, with or without a hint.
	oneLine := regexp.MustCompile(`^docker nsjoin: [^\n]+\n(hint: [^\n]+\n)?$`)
	const calls, moments = 3, 16
	started := time.Now()
	for range calls {
		if err := (&brokenEngine{host: host}).plugin(t, web, "true").Run(); err != nil {
			t.Fatal(err)
		}
	}
	usual := time.Since(started) / calls
	ways := make(map[string]int)
	for i := 0; i < moments || len(ways) < 2 && i < 10*moments; i++ { // the machine may have become slower
		first, err := strconv.Atoi(initOf(t, web))
		if err != nil || first <= 1 {
			t.Fatalf("the container's first process is %d: %v", first, err)
		}
		becomeReaper(t)
		cmd := (&brokenEngine{host: host}).plugin(t, web, "sleep", "600")
		errs := &safeBytes{}
		cmd.Stderr = errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(usual * time.Duration(i) / (moments - 3))
		if err := unix.Kill(first, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		status, said := ended(t, cmd), string(errs.bytes())
		if status != 125 && status != 137 || !oneLine.MatchString(said) {
			t.Errorf("delay %d: exit status %d, stderr %q", i, status, said)
		}
		ways[strings.Split(pidNumber.ReplaceAllString(strings.ReplaceAll(said, web, "web"), "${1}N"), "\n")[0]]++
		nothingLeft(t, cmd)
		eventually(t, "the engine knows that the container has ended", func() bool { return initOf(t, web) == "0" })
		docker(t, "start", web)
	}
	for way, n := range ways {
		t.Logf("%d times: %s", n, way)
	}
	if len(ways) < 2 {
		t.Errorf("every join failed at the same step: %v", ways)
	}
}

// TestBreaksWhenTheContainerIsPaused pauses a container after the engine has answered that
// it runs.
func TestBreaksWhenTheContainerIsPaused(t *testing.T) {
	c := newCaller(t)
	web := c.container(t, "--security-opt", "seccomp=unconfined")
	becomeReaper(t)
	helper, cli := helperFor(t, web, "sleep", "600")
	defer cli.Close()
	errs := &safeBytes{}
	helper.Stderr = errs
	docker(t, "pause", web)
	defer func() { _, _ = exec.Command("docker", "unpause", web).CombinedOutput() }()
	if err := helper.Start(); err != nil {
		t.Fatal(err)
	}
	want := "docker nsjoin: identity of \"" + web + "\": its cgroup is frozen, and the command would be frozen with it\n" +
		"hint: docker ps shows whether the container is paused; docker unpause resumes it\n"
	if status := ended(t, helper); status != 125 || string(errs.bytes()) != want {
		t.Errorf("exit status %d, stderr %q; want 125, %q", status, errs.bytes(), want)
	}
	nothingLeft(t, helper)
}

// helperFor returns the helper's command as the plugin starts it for a command in a container,
// and the listener of the Docker CLI's socket. The helper starts with a connection to it.
func helperFor(t *testing.T, container string, command ...string) (*exec.Cmd, net.Listener) {
	t.Helper()
	id := docker(t, "inspect", "--format", "{{.Id}}", container)
	document, err := json.Marshal(&request.Request{
		Version: request.Version, Take: ns.All(), Terminal: request.TerminalNever, Command: command,
		Base: request.Source{From: request.FromContainer, Name: container, PID: initPID(t, container), Container: &request.Container{ID: id}},
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "request")
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	cli, err := net.Listen("unix", fmt.Sprintf("@docker_cli_%d_%d", os.Getpid(), time.Now().UnixNano()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cli.Close() })
	conn, err := net.Dial("unix", cli.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	socket, err := conn.(*net.UnixConn).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	path, err := filepath.Abs("../pkg/payload/helpers/linux_" + runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "3", "4")
	cmd.ExtraFiles = []*os.File{r, socket}
	cmd.Dir = dir
	return cmd, cli
}
