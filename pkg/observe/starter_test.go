//go:build linux

package observe

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

func TestReadStarter(t *testing.T) {
	own, err := scheduling(0)
	if err != nil {
		t.Fatal(err)
	}
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	cmd := running(t, "nice", "-n", "5", "sh", "-c",
		"umask 027; ulimit -n 37; ulimit -c 0; echo 700 >/proc/$$/oom_score_adj; echo 7 >/proc/$$/coredump_filter; echo 70000 >/proc/$$/timerslack_ns; read ready; echo $ready; read end")
	p := openTestProcess(t, cmd.Process.Pid)
	batch := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_BATCH, Nice: int32(min(own.Nice+5, 19))}
	if err := unix.SchedSetAttr(p.PID, batch, 0); err != nil {
		t.Fatal(err)
	}
	const idle = 3 << 13
	if _, _, errno := unix.Syscall(unix.SYS_IOPRIO_SET, 1, uintptr(p.PID), idle); errno != 0 {
		t.Fatal(errno)
	}
	st, err := p.readStatus()
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.readStarter(st)
	if err != nil {
		t.Fatal(err)
	}
	if got.Umask != 0o027 {
		t.Errorf("umask %04o, want 0027", got.Umask)
	}
	want := plan.Attributes{
		Policy: unix.SCHED_BATCH, Nice: min(own.Nice+5, 19), IOPriority: idle, TimerSlack: 70000, CoreFilter: 7,
		StoreBypass: got.StoreBypass, IndirectBranch: got.IndirectBranch, // depend on the processor
	}
	if got.Attributes != want {
		t.Errorf("attributes %+v\nwant %+v", got.Attributes, want)
	}
	if got.OOMScoreAdj != 700 {
		t.Errorf("oom_score_adj %d, want 700", got.OOMScoreAdj)
	}
	if len(got.CPUs) != set.Count() || slices.ContainsFunc(got.CPUs, func(cpu int) bool { return !set.IsSet(cpu) }) {
		t.Errorf("processors %v, want the test's %d", got.CPUs, set.Count())
	}
	if len(got.Limits) != len(plan.Resources()) {
		t.Errorf("%d limits, want %d", len(got.Limits), len(plan.Resources()))
	}
	for _, want := range []string{"nofile=37:37", "core=0:0"} {
		if !slices.ContainsFunc(got.Limits, func(l plan.Limit) bool { return l.String() == want }) {
			t.Errorf("limits %v, without %s", got.Limits, want)
		}
	}
}

// With SCHED_FLAG_RESET_ON_FORK a child gets the default scheduling, sched(7).
func TestScheduling(t *testing.T) {
	inverted, err := unix.Getpriority(unix.PRIO_PROCESS, 0) // 20 - nice
	if err != nil {
		t.Fatal(err)
	}
	inherited := 20 - inverted
	for _, row := range []struct {
		attr unix.SchedAttr
		want plan.Attributes
	}{
		{unix.SchedAttr{Policy: unix.SCHED_IDLE}, plan.Attributes{Policy: unix.SCHED_IDLE, Nice: inherited}},
		{unix.SchedAttr{Policy: unix.SCHED_FIFO, Priority: 3}, plan.Attributes{Policy: unix.SCHED_FIFO, Priority: 3}},
		{unix.SchedAttr{Policy: unix.SCHED_RR, Priority: 3, Flags: unix.SCHED_FLAG_RESET_ON_FORK}, plan.Attributes{}},
		{unix.SchedAttr{Nice: -5, Flags: unix.SCHED_FLAG_RESET_ON_FORK}, plan.Attributes{}},
		{unix.SchedAttr{Nice: 5, Flags: unix.SCHED_FLAG_RESET_ON_FORK}, plan.Attributes{Nice: 5}},
	} {
		cmd := running(t, "sh", "-c", "read ready; echo $ready; read end")
		row.attr.Size = unix.SizeofSchedAttr
		if err := unix.SchedSetAttr(cmd.Process.Pid, &row.attr, 0); err != nil {
			t.Errorf("%+v: %v", row.attr, err)
			continue
		}
		if got, err := scheduling(cmd.Process.Pid); err != nil || got != row.want {
			t.Errorf("%+v: %+v, %v; want %+v", row.attr, got, err, row.want)
		}
	}
}

// On a kernel or processor without the choice, the attribute is unset.
func TestReadPrctl(t *testing.T) {
	for text, want := range map[string]plan.Attributes{
		"THP_enabled:\t1\nSpeculation_Store_Bypass:\tthread vulnerable\nSpeculationIndirectBranch:\tconditional enabled\n": {
			StoreBypass: plan.SpeculationOn, IndirectBranch: plan.SpeculationOn,
		},
		"THP_enabled:\t0\nSpeculation_Store_Bypass:\tthread force mitigated\nSpeculationIndirectBranch:\tconditional disabled\n": {
			SmallPages: true, StoreBypass: plan.SpeculationForceOff, IndirectBranch: plan.SpeculationOff,
		},
		"Speculation_Store_Bypass:\tnot vulnerable\nSpeculationIndirectBranch:\talways enabled\n": {},
		"": {},
	} {
		var got plan.Attributes
		readPrctl(procfs.Status(text), &got)
		if got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}
