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

// answer stands in for an engine whose answer is out of date: it runs the
// helper with the request that the plugin would have made of it, for a base or,
// with --net, for the network of one.
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
		Base: answered(ts, args[0], args[1]), Command: args[2:],
	}
	if base != "" {
		r.Overrides = map[ns.Kind]request.Source{ns.Net: r.Base}
		r.Base = answered(ts, base, "pid-of:"+base)
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

// answered is a container as an engine would have told of it.
func answered(ts *testscript.TestScript, container, pid string) request.Source {
	ts.Check(ts.Exec("docker", "inspect", "--format", "{{.Id}}", container))
	id := strings.TrimSpace(ts.ReadFile("stdout"))
	return request.Source{
		From: request.FromContainer, Name: container, PID: pidOf(ts, pid),
		Container: &request.Container{ID: id},
	}
}

// pidOf reads N, file:NAME or pid-of:CONTAINER.
func pidOf(ts *testscript.TestScript, arg string) int {
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
