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
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/diff"
)

// facts is the command "all": everything that a process can read about itself. /proc/keys has other
// containers' keys too, so only its own are printed.
const facts = `id; env; pwd; umask; hostname; ulimit -a
cd /proc/self
cat status limits cgroup mountinfo oom_score_adj attr/current personality coredump_filter
cat /proc/self/timerslack_ns
echo "priority, nice, policy $(cut -d ' ' -f 18,19,40,41 stat)"
cat uid_map gid_map setgroups timens_offsets cpuset
echo "loginuid $(cat loginuid) sessionid $(cat sessionid)"
grep "_ses\.${HOSTNAME:-none}" /proc/keys | sort -k 5 # without the numbers, which vary
ls -l ns fd`

const (
	parityWithin  = 3 * time.Minute // for one command, even on an emulated machine
	parityWorkers = 4               // they mostly wait for the engine
)

// parity runs the rows of the table and counts the results.
type parity struct {
	engine testEngine
	dir    string // contains the files that rows name
	env    []string
	old    bool // the engine is older than 28
	// foreign names the engine or runtime if docker exec is not Docker's with runc.
	foreign string
	mu      sync.Mutex
	nowhere []string // rows that this engine does not support
	alike   int
	differ  int // as intended
	theirs  int // because docker exec is not Docker's with runc
	failed  int
}

// TestParity runs every row of testdata/parity.txt by docker exec and by docker nsjoin, and compares
// the results.
func TestParity(t *testing.T) {
	text, err := os.ReadFile(parityTable)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := parseParity(string(text))
	if err != nil {
		t.Fatal(err)
	}
	rows = chosen(t, rows)
	if len(rows) == 0 {
		t.Fatal("there are no rows")
	}
	p := newParity(t)
	// Containers with SYS_PTRACE count for the rows with --privileged in all others, so they come last.
	traces := func(group []parityRow) bool { return strings.Contains(group[0].container, "SYS_PTRACE") }
	groups := byContainer(rows)
	p.compareAll(t, slices.DeleteFunc(slices.Clone(groups), traces))
	p.compareAll(t, slices.DeleteFunc(groups, func(group []parityRow) bool { return !traces(group) }))
	p.report(t)
}

// compareAll runs groups of rows in parallel, each in a container of its own.
func (p *parity) compareAll(t *testing.T, groups [][]parityRow) {
	t.Helper()
	work := make(chan []parityRow)
	var workers sync.WaitGroup
	for range parityWorkers {
		workers.Go(func() {
			for group := range work {
				p.compareIn(t, group)
			}
		})
	}
	for _, group := range groups {
		work <- group
	}
	close(work)
	workers.Wait()
}

func newParity(t *testing.T) *parity {
	t.Helper()
	engine := engineOfTest(t)
	t.Cleanup(removeCgroups)
	config := t.TempDir()
	if err := engine.install(config); err != nil {
		t.Fatal(err)
	}
	version := docker(t, "version", "--format", "{{.Server.Version}}")
	major, _, _ := strings.Cut(version, ".")
	number, err := strconv.Atoi(major)
	if err != nil {
		t.Fatalf("the engine's version is %q", version)
	}
	p := &parity{engine: engine, dir: "testdata", old: number < 28, foreign: foreign(t)}
	p.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TERM=xterm", "FROM_CALLER=the caller's",
		"DOCKER_CONFIG=" + config, "FACTS=" + facts,
	}
	p.env = append(p.env, engine.endpoint()...)
	p.env = append(p.env, "OTHER="+p.start(t, "--ipc shareable"))
	return p
}

// byContainer groups the rows by container, the largest group first.
func byContainer(rows []parityRow) [][]parityRow {
	place := make(map[string]int)
	var groups [][]parityRow
	for _, row := range rows {
		i, ok := place[row.container]
		if !ok {
			i = len(groups)
			place[row.container] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], row)
	}
	slices.SortStableFunc(groups, func(a, b []parityRow) int { return cmp.Compare(len(b), len(a)) })
	return groups
}

// compareIn runs rows in one container. It starts the container with the first row that -run selects:
// go test -run TestParity/LINE.
func (p *parity) compareIn(t *testing.T, rows []parityRow) {
	name, started := "", false
	var err error
	for _, row := range rows {
		ok := t.Run(strconv.Itoa(row.line), func(t *testing.T) {
			if !started {
				started = true
				name, err = p.run(t, row.container)
			}
			if err != nil {
				p.missing(t, row, err.Error())
				return
			}
			p.compare(t, row, name)
		})
		if !ok {
			p.count(&p.failed)
		}
	}
	if name != "" {
		docker(t, "rm", "-f", "-v", name)
	}
}

// compare runs a row by docker exec and docker nsjoin and compares the replies.
func (p *parity) compare(t *testing.T, row parityRow, name string) {
	if _, err := os.Stat("/proc/self/loginuid"); row.section == afterLogin && (err != nil || p.engine.via == "engine") {
		p.missing(t, row, "a login UID needs a kernel with audit, and a command that is a child of the caller")
		return
	}
	theirs := p.answer(t, row, "exec", name)
	if row.optional && theirs.refused() || p.crashed(theirs) {
		p.missing(t, row, theirs.output+theirs.errors)
		return
	}
	ours := p.answer(t, row, "nsjoin", name)
	if row.optional && strings.Contains(ours.errors, "the engine cannot grant all capabilities") {
		p.missing(t, row, ours.errors) // it cannot start a helper container with them either
		return
	}
	if p.vague(theirs) && ours.ownRefusal() {
		theirs.status = ours.status
	}
	a, b := theirs.text(), ours.text()
	if p.foreign != "" && (a != b || row.differs()) {
		p.compareRights(t, row, a, b)
		return
	}
	switch {
	case row.differs() && a == b:
		t.Errorf("%s:%d: no difference, but one is intended:\n%s", parityTable, row.line, a)
	case row.differs() && ours.status != row.status:
		t.Errorf("%s:%d: exit status %d, want %d:\n%s%s", parityTable, row.line, ours.status, row.status, ours.output, ours.errors)
	case !row.differs() && a != b:
		t.Errorf("%s:%d: %s | %s | %s\n%s%s%s", parityTable, row.line, row.container, row.options, row.command,
			diff.Diff("docker exec", []byte(a), "docker nsjoin", []byte(b)), theirs.said(), ours.said())
	case row.differs():
		p.count(&p.differ)
	default:
		p.count(&p.alike)
	}
}

// answer runs a row's command by docker exec or docker nsjoin.
func (p *parity) answer(t *testing.T, row parityRow, how, name string) reply {
	t.Helper()
	command := row.command
	if command == "all" {
		command = `sh -c "$FACTS"`
	}
	ctx, cancel := context.WithTimeout(t.Context(), parityWithin)
	defer cancel()
	script := fmt.Sprintf(`docker %s %s "$C" %s`, how, row.options, command)
	if row.section == afterLogin {
		script = "echo 4242 >/proc/self/loginuid\n" + script // as pam_loginuid does
	}
	cmd := p.shell(ctx, script)
	cmd.Env = append(cmd.Env, "C="+name)
	var a reply
	var err error
	if strings.HasPrefix(row.section, atTerminal) {
		a.output, err = runAtTerminal(cmd)
	} else {
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err = cmd.Run()
		a.output, a.errors = out.String(), errs.String()
	}
	if ctx.Err() != nil {
		t.Fatalf("%s:%d: docker %s did not end within %s:\n%s%s", parityTable, row.line, how, parityWithin, a.output, a.errors)
	}
	if exited, ok := errors.AsType[*exec.ExitError](err); ok {
		a.status = exited.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if row.command == "all" && strings.Count(a.output, "\n") < 100 && !p.crashed(a) {
		t.Errorf("%s:%d: docker %s prints fewer facts than expected:\n%s%s", parityTable, row.line, how, a.output, a.errors)
	}
	return a
}

// shell returns a shell that runs script. Its PATH is not exported, so that rows can name a variable
// that the caller does not have.
func (p *parity) shell(ctx context.Context, script string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", "p=$PATH; unset PATH; PATH=$p\n"+script)
	cmd.Dir, cmd.Env = p.dir, slices.Clone(p.env)
	cmd.WaitDelay = parityWithin // background processes of the command may still write
	return cmd
}

// crashed reports whether a runtime other than Docker's has not started the command: crun fails where a profile forbids setsid(2).
func (p *parity) crashed(a reply) bool {
	return p.foreign != "" && strings.Contains(a.output+a.errors, "did not terminate successfully")
}
