package main

import (
	"bytes"
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestNodes runs commands on three engines that are a swarm, with a service of six tasks: by their contexts, as the
// service, and as one task; while a node is cut off, an engine hangs, or a task is replaced. It needs scripts/swarm.
func TestNodes(t *testing.T) {
	if os.Getenv(nodesVariable) == "" {
		t.Fatal("this test needs scripts/swarm")
	}
	n := newNetwork(t)
	c := newCaller(t)
	c.env = slices.DeleteFunc(c.env, func(v string) bool { return strings.HasPrefix(v, "DOCKER_HOST=") })
	nodes := nodesOf(t, &c, n)
	n.must(t, &c, "context", "use", nodes[0].context)
	for _, at := range nodes {
		n.must(t, &c, "-c", at.context, "version")
	}
	makeSwarm(t, &c, n, nodes)
	t.Run("contexts", func(t *testing.T) { n.testContexts(t, &c) })
	t.Run("nodes that are not confirmed", func(t *testing.T) { n.testUnconfirmed(t, &c) })
	t.Run("service", func(t *testing.T) { n.testService(t, &c) })
	t.Run("one task", func(t *testing.T) { n.testTask(t, &c) })
	t.Run("compose", func(t *testing.T) { n.testCompose(t, &c) })
	t.Run("a task is replaced", func(t *testing.T) { n.testReplaced(t, &c, nodes) })
	t.Run("a node is cut off and an engine hangs", func(t *testing.T) { n.testLost(t, &c, nodes) })
}

const ofService = "label=com.docker.swarm.service.name=api"

func (n testNetwork) testContexts(t *testing.T, c *caller) {
	a := answerOf(n.client(c, "nsjoin", "each", "--context", "one,two,three", "--filter", ofService, "--", "echo", "here"))
	lines := strings.Split(strings.TrimSpace(a.out), "\n")
	of := map[string]int{}
	for _, line := range lines {
		label, text, _ := strings.Cut(line, " | ")
		engine, _, _ := strings.Cut(label, "/")
		if of[engine]++; text != "here" {
			t.Errorf("%q", line)
		}
	}
	if a.status != 0 || a.errs != "" || len(lines) != 6 || of["one"] == 0 || of["two"] == 0 || of["three"] == 0 || len(of) != 3 {
		t.Errorf("%+v", a)
	}
}

func (n testNetwork) testUnconfirmed(t *testing.T, c *caller) {
	a := answerOf(n.client(c, "nsjoin", "each", "--swarm-service", "api", "--", "echo", "here"))
	if a.status != 125 || strings.Count(a.errs, ": not confirmed yet: api.") != 2 || strings.Count(a.errs, "\n") != 4 || strings.Count(a.out, "here\n") == 0 || strings.Count(a.out, "here\n") > 4 {
		t.Errorf("%+v", a)
	}
}

func (n testNetwork) testService(t *testing.T, c *caller) {
	const want = "api.1 | here\napi.2 | here\napi.3 | here\napi.4 | here\napi.5 | here\napi.6 | here"
	for _, confirm := range [][]string{{"--confirm-nodes"}, nil} { // once is enough
		a := answerOf(n.client(c, append(append([]string{"nsjoin", "each", "--swarm-service", "api"}, confirm...), "--", "echo", "here")...))
		lines := strings.Split(strings.TrimSpace(a.out), "\n")
		slices.Sort(lines)
		if a.status != 0 || a.errs != "" || strings.Join(lines, "\n") != want {
			t.Errorf("%+v", a)
		}
	}
}

func (n testNetwork) testTask(t *testing.T, c *caller) {
	hosts := map[string]bool{}
	for _, task := range []string{"api.1", "api.2", "api.3", "api.4", "api.5", "api.6"} {
		host := n.must(t, c, "nsjoin", "--swarm", task, "hostname")
		if hosts[host] {
			t.Errorf("%s runs in the container of another task", task)
		}
		hosts[host] = true
	}
	if a := answerOf(n.client(c, "nsjoin", "--swarm", "api.7", "true")); a.status != 125 || !strings.Contains(a.errs, `no running task "api.7"`) {
		t.Errorf("%+v", a)
	}
}

// testCompose has the distribution's docker-compose make a project.
func (n testNetwork) testCompose(t *testing.T, c *caller) {
	dir := filepath.Join(c.dir, "work", "shop")
	const file = "version: '3'\nservices:\n  web:\n    image: " + testImage + "\n    command: sleep 3600\n  db:\n    image: " + testImage + "\n    command: sleep 3600\n"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "docker-compose.yml"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	compose := func(args ...string) {
		t.Helper()
		cmd := exec.Command("docker-compose", args...)
		cmd.Dir, cmd.Env = dir, append(slices.Clone(c.env), "DOCKER_HOST="+os.Getenv("DOCKER_HOST"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("docker-compose: %v\n%s", err, out)
		}
	}
	compose("up", "--detach", "--scale", "web=2")
	t.Cleanup(func() { compose("down", "--timeout", "0") })
	for want, args := range map[string][]string{
		"shop_web_1\nshop_web_2":             {"--service", "web", "--format", "json", "--"},
		"shop_db_1\nshop_web_1\nshop_web_2":  {"--project", "shop", "--format", "json", "--"},
		"shop_db_1\nshop_web_2":              {"--format", "json", "db@shop", "web.2@", "--"},
		"shop_db_1\nshop_web_1\nshop_web_2 ": {"--project", ".", "--format", "json", "--"},
	} {
		cmd := n.client(c, append(append([]string{"nsjoin", "each"}, args...), "echo", "here")...)
		cmd.Dir = dir
		a := answerOf(cmd)
		var names []string
		for _, found := range regexp.MustCompile(`"container":"([^"]+)","status":0`).FindAllStringSubmatch(a.out, -1) {
			names = append(names, found[1])
		}
		slices.Sort(names)
		if a.status != 0 || strings.Join(names, "\n") != strings.TrimSpace(want) {
			t.Errorf("%q: %+v", args, a)
		}
	}
	if out := n.must(t, c, "nsjoin", "db@shop", "echo", "here"); out != "here" {
		t.Error(out)
	}
}

// longCall is a call of each that prints lines while it runs.
type longCall struct {
	cmd  *exec.Cmd
	errs bytes.Buffer
	out  *os.File
	read string
}

// begin runs a command in all tasks, and waits until it has begun in all of them.
func (n testNetwork) begin(t *testing.T, c *caller, command string) *longCall {
	t.Helper()
	r := &longCall{cmd: n.client(c, "nsjoin", "each", "--swarm-service", "api", "--", "sh", "-c", command)}
	var w *os.File
	var err error
	if r.out, w, err = os.Pipe(); err != nil {
		t.Fatal(err)
	}
	r.cmd.Stdout, r.cmd.Stderr = w, &r.errs
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() { r.out.Close() })
	_ = r.out.SetReadDeadline(time.Now().Add(endsWithin))
	for strings.Count(r.read, "began\n") < 6 {
		r.more(t)
	}
	return r
}

func (r *longCall) more(t *testing.T) (end bool) {
	t.Helper()
	buf := make([]byte, 4096)
	k, err := r.out.Read(buf)
	r.read += string(buf[:k])
	if err != nil && err.Error() != "EOF" {
		t.Fatalf("%v\n%s%s", err, r.read, &r.errs)
	}
	return err != nil
}

// end waits for the end, and returns what was printed.
func (r *longCall) end(t *testing.T) printed {
	t.Helper()
	_ = r.out.SetReadDeadline(time.Now().Add(2 * endsWithin))
	for ended := false; !ended; {
		ended = r.more(t)
	}
	_ = r.cmd.Wait()
	return printed{r.read, r.errs.String(), r.cmd.ProcessState.ExitCode()}
}

func (n testNetwork) testReplaced(t *testing.T, c *caller, nodes []node) {
	r := n.begin(t, c, "echo began; while ! test -e /tmp/end; do sleep 0.1; done; echo done")
	containers := strings.Fields(n.must(t, c, "-c", "two", "ps", "-q", "--filter", ofService))
	n.must(t, c, "-c", "two", "kill", containers[0])
	n.waitForTasks(t, c, nodes) // it is replaced
	for _, at := range nodes {
		for id := range strings.FieldsSeq(n.must(t, c, "-c", at.context, "ps", "-q", "--filter", ofService)) {
			n.must(t, c, "-c", at.context, "exec", id, "touch", "/tmp/end")
		}
	}
	a := r.end(t)
	want := regexp.MustCompile(`(?m)^docker nsjoin: 1 of 6 failed\n  its container (stopped|was removed) meanwhile: api\.\d\n$`)
	if a.status != 137 || strings.Count(a.out, "done\n") != 5 || !want.MatchString(a.errs) {
		t.Errorf("%+v", a)
	}
}

// testLost cuts one node off, and stops the engine of another one.
func (n testNetwork) testLost(t *testing.T, c *caller, nodes []node) {
	r := n.begin(t, c, "echo began; sleep 5; echo done")
	n.ip(t, n.pid, "link", "set", nodes[1].context, "down")
	if err := unix.Kill(nodes[2].dockerd, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	again := func() {
		_ = unix.Kill(nodes[2].dockerd, unix.SIGCONT)
		n.ip(t, n.pid, "link", "set", nodes[1].context, "up")
	}
	t.Cleanup(again)
	a := r.end(t)
	lost := cmp.Or(regexp.MustCompile(`(?m)^  the engine does not answer: (.*)$`).FindString(a.errs), "none")
	tasks := strings.Count(lost, "api.")
	if a.status != 125 || tasks == 0 || tasks == 6 || strings.Count(a.out, "done\n")+tasks < 6 || strings.Count(a.errs, "\n") != 2 {
		t.Errorf("%+v", a)
	}
	a = answerOf(n.client(c, "nsjoin", "each", "--context", "one,two,three", "--filter", ofService, "--no-prefix", "--", "echo", "here"))
	if a.status != 125 || strings.ReplaceAll(a.out, "here\n", "") != "" || a.out == "" || !strings.Contains(a.errs, "context two") || !strings.Contains(a.errs, "  the engine does not answer: context three") {
		t.Errorf("%+v", a)
	}
	again()
	n.waitForTasks(t, c, nodes)
	eventually(t, "no command and no helper is left", func() bool {
		time.Sleep(time.Second)
		left := ""
		for _, at := range nodes {
			left += answerOf(n.client(c, "-c", at.context, "ps", "-q", "--filter", "label=io.nsjoin.call")).out
		}
		return left == ""
	})
}
