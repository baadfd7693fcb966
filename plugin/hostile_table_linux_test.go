//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// tableVariable makes TestHostileTable run all columns and rows; make hostile sets it.
const tableVariable = "NSJOIN_TEST_HOSTILE"

// callersSecret is in the environment of docker nsjoin's caller.
const callersSecret = "NSJOIN_TEST_SECRET_of_the_caller"

// column is a kind of container.
type column struct {
	name    string
	options []string   // docker run's
	execs   [][]string // docker exec's options for each intruder; with nil it runs as the container's user
	whole   bool       // it runs all rows, also in make test
}

// columns returns a default container, containers with one more capability, containers with
// a single capability, and containers whose user is not root. In the last, intruders also run
// as root, as a set-user-ID program does.
func columns() []column {
	both := [][]string{nil, {"-u", "0"}}
	list := []column{
		{name: "default", whole: true},
		{name: "user 1000", options: []string{"--user", "1000"}, execs: both, whole: true},
		{name: "user 1000 SYS_PTRACE", options: []string{"--user", "1000", "--cap-add", "SYS_PTRACE"}, execs: both},
		{name: "user 1000 no-new-privileges", options: []string{"--user", "1000", "--security-opt", "no-new-privileges"}},
		{name: "none", options: []string{"--cap-drop", "ALL"}},
		{name: "none but SETUID", options: []string{"--cap-drop", "ALL", "--cap-add", "SETUID"}},
		{name: "none but SYS_PTRACE", options: []string{"--cap-drop", "ALL", "--cap-add", "SYS_PTRACE"}},
	}
	for _, name := range plan.CapSet(1<<41 - 1).Names() {
		name = strings.ToUpper(name)
		list = append(list, column{name: name, options: []string{"--cap-add", name}, whole: name == "SYS_PTRACE"})
	}
	return list
}

// TestHostileTable runs intruders in containers of every kind (columns), which attack running
// children of every kind (rows). A new kind of command adds its rows to children.
func TestHostileTable(t *testing.T) {
	self := testProgram(t)
	c := newCaller(t)
	c.env = append(c.env, "SECRET="+callersSecret)
	all := os.Getenv(tableVariable) != ""
	other := c.container(t)
	// A container with SYS_PTRACE counts for the commands in all others, so these have ended when it starts.
	for _, traces := range []bool{false, true} {
		t.Run(fmt.Sprintf("tracers=%t", traces), func(t *testing.T) {
			for _, col := range columns() {
				if !all && !col.whole || col.traces() != traces {
					continue
				}
				t.Run(col.name, func(t *testing.T) {
					t.Parallel()
					cell := &cell{caller: c, container: c.intruderContainer(t, self, col), other: other, column: col}
					cell.startAll(t)
					cell.attack(t)
				})
			}
		})
	}
}

// traces reports whether the container has SYS_PTRACE.
func (col column) traces() bool { return slices.Contains(col.options, "SYS_PTRACE") }

// startAll starts the children of all rows.
func (c *cell) startAll(t *testing.T) {
	t.Helper()
	engine := engineOfTest(t)
	for _, row := range children() {
		if (c.column.whole || row.brief) && (!row.local || engine.local() && engine.via != "engine") {
			c.start(t, row)
		}
	}
}

// intruderContainer starts a container that contains the intruder's program.
func (c caller) intruderContainer(t *testing.T, self string, col column) string {
	t.Helper()
	name := fmt.Sprintf("invaded-%d-%d", os.Getpid(), serial.Add(1))
	args := append([]string{"--init=false", "-v", self + ":/intruder:ro"}, col.options...)
	out, err := tryContainer(t, name, append(args, testImage, "sleep", "600")...)
	// An older engine does not know each capability, and no engine grants one that it lacks.
	if regexp.MustCompile("unknown capability|unable to apply caps|capability not supported").MatchString(out) {
		t.Skipf("the engine cannot run this container: %s", out)
	}
	if err != nil {
		t.Fatalf("docker run %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return name
}

// serial numbers containers and children: a child is `sleep` with a unique number of seconds.
var serial atomic.Int64

// cell is a container of one column, with the children of all rows in it.
type cell struct {
	caller    caller
	container string
	other     string // the name of a container without an intruder
	column    column
	started   []*victim
}

// start starts a child and waits until it runs or was refused.
func (c *cell) start(t *testing.T, row child) {
	t.Helper()
	mark := fmt.Sprintf("%d%04d", os.Getpid(), serial.Add(1)) // another test of this machine has another PID
	v := &victim{row: row, args: "sleep " + mark}
	args := append([]string{"nsjoin"}, row.args(c)...)
	cmd := c.caller.docker(append(args, "sleep", mark)...)
	v.streams(t, cmd)
	over := make(chan struct{})
	if row.terminal {
		newTTY(t).start(cmd)
	} else {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { _ = cmd.Wait(); close(over) }()
		t.Cleanup(func() { _ = cmd.Process.Kill(); <-over })
	}
	eventually(t, row.name+" runs", func() bool {
		select {
		case <-over:
			if cmd.ProcessState.ExitCode() == 125 && onlyWarnings(v.says.bytes()) {
				return false // its message has not arrived yet
			}
			if v.refused = row.refused(cmd, v.says); v.refused {
				return true
			}
			if !row.detach {
				t.Fatalf("%s: ended with %s: %s", row.name, cmd.ProcessState, v.says.bytes())
			}
		default:
		}
		v.process = withCommandLine(v.args)
		return v.process.pid != 0
	})
	c.started = append(c.started, v)
}

// attack runs the intruders and checks what each got from each child.
func (c *cell) attack(t *testing.T) {
	t.Helper()
	execs := c.column.execs
	if execs == nil {
		execs = [][]string{nil}
	}
	place := placesOf(t, c.container)
	place.tracers = c.column.traces()
	for _, options := range execs {
		loots := runIntruder(t, c.container, options...)
		for _, v := range c.started {
			v.judge(t, place, loots, strings.Join(options, " "))
		}
	}
}

// runIntruder runs an intruder in a container, with options of docker exec, and returns its loot.
func runIntruder(t *testing.T, container string, options ...string) []loot {
	t.Helper()
	args := append([]string{"exec", "-e", intrudeVariable + "=" + reversed(callersSecret)}, options...)
	text := docker(t, append(args, container, "/intruder", "-test.run=^TestIntruder$")...)
	var loots []loot
	for line := range bytes.Lines([]byte(text)) {
		var l loot
		if json.Unmarshal(line, &l) == nil {
			loots = append(loots, l)
		}
	}
	return loots
}

// onlyWarnings reports whether a command's messages, if there are any, are warnings.
func onlyWarnings(messages []byte) bool {
	for line := range bytes.Lines(messages) {
		if !bytes.HasPrefix(line, []byte("docker nsjoin: warning: ")) {
			return false
		}
	}
	return true
}
