package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/observe"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

// filters compares the seccomp filters of a command of docker nsjoin with those of the
// container's first process, which docker nsjoin copies, and with those of a command of
// docker exec, which the runtime generates again. It prints the length of each filter.
func filters(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: filters CONTAINER")
	}
	ours := filtersOf(ts, "nsjoin", args[0])
	for _, other := range []struct {
		whose   string
		filters []plan.Filter
		alike   func(f, g plan.Filter) bool
	}{
		{"the first process", copyFilters(ts, parsePID(ts, "pid-of:"+args[0])), identical},
		{"docker exec", filtersOf(ts, "exec", args[0]), alike},
	} {
		if !slices.EqualFunc(ours, other.filters, other.alike) {
			ts.Fatalf("filters\n%+v\nthose of %s\n%+v", ours, other.whose, other.filters)
		}
	}
	for i, f := range ours {
		fmt.Fprintf(ts.Stdout(), "filter %d: %d instructions\n", i, len(f.Program))
	}
	fmt.Fprintf(ts.Stdout(), "filters: %d\n", len(ours))
}

func identical(f, g plan.Filter) bool { return slices.Equal(f.Program, g.Program) }

// alike reports whether two filters have the same instructions in the same order, except
// at the beginning: runc prepends a part for each architecture in the order of a Go map
// (libcontainer/seccomp/patchbpf), which varies.
func alike(f, g plan.Filter) bool {
	n := beginning(f.Program)
	if len(f.Program) != len(g.Program) || beginning(g.Program) != n {
		return false
	}
	return slices.Equal(f.Program[n:], g.Program[n:]) &&
		slices.Equal(withoutOrder(f.Program[:n]), withoutOrder(g.Program[:n]))
}

// beginning returns the number of instructions before libseccomp's own part: the first
// unconditional jump leads there.
func beginning(program []seccomp.Instruction) int {
	for i, in := range program {
		if in.Code == unix.BPF_JMP|unix.BPF_JA {
			return min(i+1+int(in.K), len(program))
		}
	}
	return 0
}

// withoutOrder sorts the instructions and clears their jump offsets.
func withoutOrder(program []seccomp.Instruction) []seccomp.Instruction {
	sorted := slices.Clone(program)
	for i, in := range sorted {
		sorted[i].Jt, sorted[i].Jf = 0, 0
		if in.Code == unix.BPF_JMP|unix.BPF_JA {
			sorted[i].K = 0
		}
	}
	slices.SortFunc(sorted, func(a, b seccomp.Instruction) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.K, b.K))
	})
	return sorted
}

// filtersOf runs a command in the container and returns the command's filters.
func filtersOf(ts *testscript.TestScript, how, container string) []plan.Filter {
	seconds := strconv.Itoa(1_000_000 + int(time.Now().UnixNano()%1_000_000_000)) // unique, so that the process can be found
	cmd := exec.Command("docker", how, container, "sleep", seconds)
	cmd.Env = environmentOf(ts)
	ts.Check(cmd.Start())
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	pid := await(ts, "sleep\x00"+seconds+"\x00")
	defer func() { _ = unix.Kill(pid, unix.SIGKILL) }()
	return copyFilters(ts, pid)
}

// copyFilters returns all filters of a process.
func copyFilters(ts *testscript.TestScript, pid int) []plan.Filter {
	filters, err := observe.CopyFilters(pid, statusNumber(ts, pid, "Seccomp_filters")) // since Linux 5.9
	ts.Check(err)
	return filters
}

// statusNumber returns a numeric field of /proc/PID/status, proc_pid_status(5).
func statusNumber(ts *testscript.TestScript, pid int, name string) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	ts.Check(err)
	field := regexp.MustCompile(`(?m)^` + name + `:\s*(\d+)$`).FindSubmatch(status)
	if field == nil {
		ts.Fatalf("/proc/PID/status of process %[2]d has no field %[1]s", name, pid)
	}
	n, err := strconv.Atoi(string(field[1]))
	ts.Check(err)
	return n
}

// await waits for a process with this command line and returns its PID.
func await(ts *testscript.TestScript, cmdline string) int {
	for deadline := time.Now().Add(scriptWithin); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		files, err := filepath.Glob("/proc/[0-9]*/cmdline")
		ts.Check(err)
		for _, file := range files {
			if text, err := os.ReadFile(file); err != nil || string(text) != cmdline {
				continue
			}
			pid, err := strconv.Atoi(strings.Split(file, "/")[2])
			ts.Check(err)
			return pid
		}
	}
	ts.Fatalf("%q does not run", cmdline)
	return 0
}
