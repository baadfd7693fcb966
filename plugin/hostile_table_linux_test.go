//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// tableVariable has TestHostileTable take all columns and rows; make hostile sets it.
const tableVariable = "NSJOIN_TEST_HOSTILE"

// callersSecret is in the environment of who calls docker nsjoin.
const callersSecret = "NSJOIN_TEST_SECRET_of_the_caller"

// column is a kind of container.
type column struct {
	name    string
	options []string   // of docker run
	execs   [][]string // options of docker exec for each intruder; nil is one as the container's user
	whole   bool       // all rows, and in make test too
}

// columns are a default container, one with each single capability added, those that have
// one alone, and those whose user is not root. An intruder of those also comes as root, as
// a set-user-ID program makes it.
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

// TestHostileTable has intruders in containers of every kind (columns) attack children of
// every kind (rows) while they run. A command that follows adds its rows to children.
func TestHostileTable(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := newCaller(t)
	c.env = append(c.env, "SECRET="+callersSecret)
	all := os.Getenv(tableVariable) != ""
	other := c.container(t)
	for _, col := range columns() {
		if !all && !col.whole {
			continue
		}
		t.Run(col.name, func(t *testing.T) {
			t.Parallel()
			cell := &cell{caller: c, container: c.invaded(t, self, col), other: other, column: col}
			for _, row := range children() {
				if col.whole || row.brief {
					cell.start(t, row)
				}
			}
			cell.attack(t)
		})
	}
}

// invaded starts a container that has the intruder's program.
func (c caller) invaded(t *testing.T, self string, col column) string {
	t.Helper()
	name := fmt.Sprintf("invaded-%d-%d", os.Getpid(), serial.Add(1))
	args := append([]string{
		"run", "-d", "--init=false", "--name", name, "--label", ownLabel(), "-v", self + ":/intruder:ro",
	}, col.options...)
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "-f", "-v", name).Run() })
	out, err := exec.Command("docker", append(args, testImage, "sleep", "600")...).CombinedOutput()
	// An older engine doesn't know each capability, and none gives what it hasn't got itself.
	if regexp.MustCompile("unknown capability|unable to apply caps|capability not supported").Match(out) {
		t.Skipf("this engine has no such container: %s", out)
	}
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return name
}

// serial numbers what this test starts: a child of the table is `sleep` for as many seconds.
var serial atomic.Int64

// cell is a container of one column, with the children of all rows in it.
type cell struct {
	caller    caller
	container string
	other     string // the name of a container that isn't attacked from
	column    column
	started   []*victim
}

// start starts a child of a kind and waits until it runs.
func (c *cell) start(t *testing.T, row child) {
	t.Helper()
	mark := strconv.FormatInt(1_000_000+serial.Add(1), 10)
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
			if cmd.ProcessState.ExitCode() == 125 && len(v.says.bytes()) == 0 {
				return false // its message is on the way
			}
			if v.refused = row.refused(cmd, v.says); v.refused {
				return true
			}
			if !row.detach {
				t.Fatalf("%s: it ended with %s: %s", row.name, cmd.ProcessState, v.says.bytes())
			}
		default:
		}
		v.process = runningAs(v.args)
		return v.process.pid != 0
	})
	c.started = append(c.started, v)
}

// runningAs is the process with this command line, or none.
func runningAs(args string) process {
	for _, p := range processes() {
		if strings.Join(p.args, " ") == args {
			return p
		}
	}
	return process{}
}

// attack lets the intruders loose and judges what each got from each child.
func (c *cell) attack(t *testing.T) {
	t.Helper()
	execs := c.column.execs
	if execs == nil {
		execs = [][]string{nil}
	}
	place := placesOf(t, c.container)
	for _, options := range execs {
		loots := intruded(t, c.container, options...)
		for _, v := range c.started {
			v.judge(t, place, loots, strings.Join(options, " "))
		}
	}
}

// intruded is what an intruder in a container gets; options are docker exec's.
func intruded(t *testing.T, container string, options ...string) []loot {
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
