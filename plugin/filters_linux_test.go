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

// filters compares the seccomp filters that the kernel has of a command of
// docker nsjoin with those of the container's first process, which are what it
// copies, and those of a command of docker exec, which the runtime makes anew;
// and prints how long each is.
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
		{"the first process", copyFilters(ts, pidOf(ts, "pid-of:"+args[0])), identical},
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

// alike tells whether two filters have the same instructions in the same order,
// but for the beginning: runc puts a part for each architecture in front, in the
// order of a Go map (libcontainer/seccomp/patchbpf), which is another each time.
func alike(f, g plan.Filter) bool {
	n := beginning(f.Program)
	if len(f.Program) != len(g.Program) || beginning(g.Program) != n {
		return false
	}
	return slices.Equal(f.Program[n:], g.Program[n:]) &&
		slices.Equal(withoutOrder(f.Program[:n]), withoutOrder(g.Program[:n]))
}

// beginning is how many instructions are in front of what libseccomp made: its
// first unconditional jump leads there.
func beginning(program []seccomp.Instruction) int {
	for i, in := range program {
		if in.Code == unix.BPF_JMP|unix.BPF_JA {
			return min(i+1+int(in.K), len(program))
		}
	}
	return 0
}

// withoutOrder sorts instructions and leaves out how far they jump.
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

// filtersOf are those of a command that is run in the container meanwhile.
func filtersOf(ts *testscript.TestScript, how, container string) []plan.Filter {
	seconds := strconv.Itoa(1_000_000 + int(time.Now().UnixNano()%1_000_000_000)) // as good as a name
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

// copyFilters are all filters of a process.
func copyFilters(ts *testscript.TestScript, pid int) []plan.Filter {
	filters, err := observe.CopyFilters(pid, statusNumber(ts, pid, "Seccomp_filters")) // of Linux 5.9
	ts.Check(err)
	return filters
}

// statusNumber is a number in the status of a process, proc_pid_status(5).
func statusNumber(ts *testscript.TestScript, pid int, name string) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	ts.Check(err)
	field := regexp.MustCompile(`(?m)^` + name + `:\s*(\d+)$`).FindSubmatch(status)
	if field == nil {
		ts.Fatalf("the kernel doesn't tell %s of process %d", name, pid)
	}
	n, err := strconv.Atoi(string(field[1]))
	ts.Check(err)
	return n
}

// await waits for the process that has the command line and returns its number.
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
