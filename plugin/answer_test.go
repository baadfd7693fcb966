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
// helper with the request that the plugin would have made of it.
func answer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: answer CONTAINER PID COMMAND...")
	}
	ts.Check(ts.Exec("docker", "inspect", "--format", "{{.Id}}", args[0]))
	id := strings.TrimSpace(ts.ReadFile("stdout"))
	pid := pidOf(ts, args[1])
	r := &request.Request{
		Version: request.Version,
		Base: request.Source{
			From: request.FromContainer, Name: args[0], PID: pid,
			Container: &request.Container{ID: id},
		},
		Take:     ns.All(),
		Command:  args[2:],
		Terminal: request.TerminalNever,
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
