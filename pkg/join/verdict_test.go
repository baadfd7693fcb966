//go:build linux

package join

import (
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// Each exit status stands for one thing at most, and none for what a process that knows of no
// table ends with.
func TestExitStatusStandsForWhatFailed(t *testing.T) {
	p := &plan.Plan{Steps: []plan.Step{
		{Op: plan.OpFork}, {Op: plan.OpProc}, {Op: plan.OpSession}, {Op: plan.OpTerminal}, {Op: plan.OpSettle}, {Op: plan.OpFind}, {Op: plan.OpExec},
	}}
	c := &compiler{plan: p, prog: &program{}}
	if err := c.verdicts(0); err != nil {
		t.Fatal(err)
	}
	seen := make(map[uintptr]verdict)
	for _, v := range c.prog.verdicts {
		status := verdictOf(c.prog, v.kind, v.step, v.errno)
		if old, ok := seen[status]; ok || status < firstVerdict || status > lastStatus {
			t.Errorf("status %d is of %+v and %+v", status, v, old)
		}
		seen[status] = v
		if got, ok := c.prog.sentence(int(status)); !ok || got != v {
			t.Errorf("status %d is read as %+v, not %+v", status, got, v)
		}
	}
	for _, row := range []struct{ told, heard verdict }{
		{verdict{messageFailed, 6, unix.EACCES}, verdict{messageFailed, 6, unix.EACCES}},
		{verdict{messageNoFile, 6, unix.ENOENT}, verdict{messageNoFile, 6, unix.ENOENT}},
		{verdict{messageFailed, 6, 4000}, verdict{messageFailed, 6, 0}},
		{verdict{messageFailed, 1, unix.EPERM}, verdict{messageFailed, 1, unix.EPERM}},
		{verdict{messageFailed, 2, unix.EXDEV}, verdict{messageFailed, 2, 0}},
	} {
		status := verdictOf(c.prog, row.told.kind, row.told.step, row.told.errno)
		if got, ok := c.prog.sentence(int(status)); !ok || got != row.heard {
			t.Errorf("%+v is heard as %+v", row.told, got)
		}
	}
	for _, status := range []int{0, statusUntold, -1, len(c.prog.verdicts) + firstVerdict, 1 << 30} {
		if v, ok := c.prog.sentence(status); ok {
			t.Errorf("status %d is read as %+v", status, v)
		}
	}
	if got := verdictOf(c.prog, messageFailed, 4, syscall.EPERM); got != statusUntold {
		t.Errorf("a step that isn't in the table is told by status %d", got)
	}
}

func TestTableOfTooManyStepsIsRefused(t *testing.T) {
	c := &compiler{plan: &plan.Plan{}, prog: &program{}}
	for range 20 {
		c.plan.Steps = append(c.plan.Steps, plan.Step{Op: plan.OpProc})
	}
	if err := c.verdicts(0); err == nil {
		t.Errorf("%d entries", len(c.prog.verdicts))
	}
}
