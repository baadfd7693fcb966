//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// answer simulates an engine whose answer is out of date. It runs the helper with the
// request that the plugin would have built from that answer, for the base container or,
// with --net, for the container whose network is joined.
func answer(ts *testscript.TestScript, neg bool, args []string) {
	var base string
	if len(args) > 1 && args[0] == "--net" {
		base, args = args[1], args[2:]
	}
	if neg || len(args) < 3 {
		ts.Fatalf("usage: answer [--net BASE] CONTAINER PID COMMAND...")
	}
	r := &request.Request{
		Version: request.Version, Take: ns.All(), Terminal: request.TerminalNever,
		Base: containerSource(ts, args[0], args[1]), Command: args[2:],
	}
	if base != "" {
		r.Overrides = map[ns.Kind]request.Source{ns.Net: r.Base}
		r.Base = containerSource(ts, base, "pid-of:"+base)
	}
	file := ts.MkAbs("request")
	var document bytes.Buffer
	ts.Check(r.Write(&document))
	ts.Check(os.WriteFile(file, document.Bytes(), 0o600))
	f, err := os.Open(file)
	ts.Check(err)
	defer f.Close()
	helper, err := filepath.Abs("../pkg/payload/helpers/linux_" + runtime.GOARCH)
	ts.Check(err)
	cmd := exec.Command(helper, "3")
	cmd.ExtraFiles = []*os.File{f}
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	if status := statusOf(ts, cmd.Run()); status != 125 {
		ts.Fatalf("exit status %d, not 125", status)
	}
}

// containerSource describes a container as an engine's answer would.
func containerSource(ts *testscript.TestScript, container, pid string) request.Source {
	ts.Check(ts.Exec("docker", "inspect", "--format", "{{.Id}}", container))
	id := strings.TrimSpace(ts.ReadFile("stdout"))
	return request.Source{
		From: request.FromContainer, Name: container, PID: parsePID(ts, pid),
		Container: &request.Container{ID: id},
	}
}

// parsePID returns the PID that N, file:NAME or pid-of:CONTAINER means.
func parsePID(ts *testscript.TestScript, arg string) int {
	text := arg
	if file, ok := strings.CutPrefix(arg, "file:"); ok {
		text = ts.ReadFile(file)
	} else if name, ok := strings.CutPrefix(arg, "pid-of:"); ok {
		ts.Check(ts.Exec("docker", "inspect", "--format", "{{.State.Pid}}", name))
		text = ts.ReadFile("stdout")
	}
	pid, err := strconv.Atoi(strings.TrimSpace(text))
	ts.Check(err)
	return pid
}
