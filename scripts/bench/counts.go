//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"
)

// call is what is counted of one call.
type call struct {
	Name string `json:"name"`
	counts
	Packages int `json:"packages,omitempty"` // of the plugin that have something to initialize
	// Report says that a growth is only shown: the numbers depend on the version of the Docker CLI too.
	Report bool `json:"report,omitempty"`
	run    func() error
	traced []string // command line whose initialized packages are counted
}

// baseline is the name of the program that the page faults of the others are compared with. How many pages the
// kernel maps at a time differs from machine to machine.
const baseline = "an empty Go program"

func (l *lab) calls() []call {
	return []call{
		{Name: baseline, run: l.command(l.empty)},
		{Name: "the plugin's metadata", run: l.command(l.plugin, "docker-cli-plugin-metadata"), traced: []string{l.plugin, "docker-cli-plugin-metadata"}},
		{Name: "nsjoin web true", run: l.command(l.nsjoin, l.web, "true"), traced: []string{l.nsjoin, l.web, "true"}},
		{Name: "the helper alone", run: l.runHelper},
		{Name: "nsjoin debug web true", run: l.command(l.nsjoin, "debug", l.web, "/bin/true")},
		{Name: "nsjoin --only net web true", run: l.command(l.nsjoin, "--only", "net", l.web, "true")},
		{Name: "nsjoin --names host --only net web true", run: l.command(l.nsjoin, "--names", "host", "--only", "net", l.web, "true")},
		{Name: "docker nsjoin web true", run: l.command(l.docker, "nsjoin", l.web, "true"), Report: true},
		{Name: "an empty plugin", run: l.command(l.docker, "empty"), Report: true},
		{Name: "docker exec web true", run: l.command(l.docker, "exec", l.web, "true"), Report: true},
	}
}

// counts counts all calls.
func (l *lab) counts() ([]call, error) {
	const rounds = 20
	c, err := newCounter()
	if err != nil {
		return nil, err
	}
	calls := l.calls()
	var functions []func() error
	for _, call := range calls {
		functions = append(functions, call.run)
	}
	least, err := c.fewest(rounds, functions...)
	if err != nil {
		return nil, err
	}
	for i := range calls {
		calls[i].counts = least[i]
		if calls[i].traced == nil {
			continue
		}
		if calls[i].Packages, err = l.initialized(calls[i].traced); err != nil {
			return nil, err
		}
	}
	return calls, nil
}

var initLine = regexp.MustCompile(`(?m)^init \S+ @`)

// initialized returns how many packages of a Go program have something to initialize.
func (l *lab) initialized(argv []string) (int, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(l.env, "GODEBUG=inittrace=1")
	var trace bytes.Buffer
	cmd.Stderr = &trace
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w", argv, err)
	}
	return len(initLine.FindAllIndex(trace.Bytes(), -1)), nil
}

// checkCounts prints the counts. It fails if one is a tenth more than in a file, or updates the file.
func (l *lab) checkCounts(w io.Writer, path string, update bool) error {
	now, err := l.counts()
	if err != nil {
		return err
	}
	if err := printCounts(w, now); err != nil {
		return err
	}
	if update {
		text, err := json.MarshalIndent(now, "", "  ")
		if err != nil {
			return err
		}
		return os.WriteFile(path, append(text, '\n'), 0o644)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var before []call
	if err := json.Unmarshal(text, &before); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	grown, err := compareCounts(before, now)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(grown) > 0 {
		return fmt.Errorf("more than in %s by over a tenth:\n%s", path, strings.Join(grown, "\n"))
	}
	return nil
}

// Growth that is not reported: the share of a count, and system calls of a Go program, whose runtime waits and wakes
// threads more or less often: an empty one makes 194 to 207.
const (
	mayGrow  = 1.1
	mayCalls = 30
)

const systemCalls = "system calls"

// most returns the largest count that is not reported.
func most(name string, before float64) float64 {
	if name == systemCalls {
		return max(mayGrow*before, before+mayCalls)
	}
	return mayGrow * before
}

// compareCounts returns a line for each count that has grown by more than a tenth. Page faults are compared as
// multiples of those of the baseline. The number of threads depends on the load too much.
func compareCounts(before, now []call) (grown []string, err error) {
	find := func(list []call, name string) (call, error) {
		for _, c := range list {
			if c.Name == name {
				return c, nil
			}
		}
		return call{}, fmt.Errorf("no counts of %q", name)
	}
	emptyBefore, err := find(before, baseline)
	if err != nil {
		return nil, err
	}
	emptyNow, err := find(now, baseline)
	if err != nil {
		return nil, err
	}
	if emptyBefore.Faults == 0 {
		return nil, errors.New("no page faults of the empty program")
	}
	for _, n := range now {
		if n.Report || n.Name == baseline {
			continue
		}
		b, err := find(before, n.Name)
		if err != nil {
			return nil, err
		}
		faults := float64(b.Faults) * float64(emptyNow.Faults) / float64(emptyBefore.Faults)
		for _, count := range []struct {
			name   string
			before float64
			now    int
		}{
			{"page faults", faults, n.Faults},
			{systemCalls, float64(b.Syscalls), n.Syscalls},
			{"processes", float64(b.Processes), n.Processes},
			{"programs", float64(b.Programs), n.Programs},
			{"initialized packages", float64(b.Packages), n.Packages},
		} {
			if float64(count.now) > most(count.name, count.before) {
				grown = append(grown, fmt.Sprintf("%s: %d %s, before %.0f", n.Name, count.now, count.name, count.before))
			}
		}
	}
	return grown, nil
}

// countTitles are the titles of the columns of call.cells.
var countTitles = []string{"call", "page faults", systemCalls, "processes", "threads besides", "programs", "packages initialized"}

func (c call) cells() []string {
	cells := []string{c.Name}
	for _, n := range append(c.values(), &c.Packages) {
		cells = append(cells, strconv.Itoa(*n))
	}
	if c.Packages == 0 {
		cells[len(cells)-1] = ""
	}
	return cells
}

func printCounts(w io.Writer, calls []call) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, strings.ToUpper(strings.Join(countTitles, "\t")))
	for _, c := range calls {
		fmt.Fprintln(table, strings.Join(c.cells(), "\t"))
	}
	return table.Flush()
}
