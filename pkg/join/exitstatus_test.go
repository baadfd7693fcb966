//go:build linux

package join

import (
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// Each exit status reports one failure at most. Statuses 0 and 1, of a process without the table, report
// none.
func TestExitStatusReportsOneFailure(t *testing.T) {
	p := &plan.Plan{Steps: []plan.Step{
		{Op: plan.OpFork}, {Op: plan.OpProc}, {Op: plan.OpSession}, {Op: plan.OpTerminal}, {Op: plan.OpSettle}, {Op: plan.OpFind}, {Op: plan.OpExec},
	}}
	c := &compiler{plan: p, prog: &program{}}
	if err := c.failures(0); err != nil {
		t.Fatal(err)
	}
	seen := make(map[uintptr]failure)
	for _, v := range c.prog.failures {
		status := exitStatusFor(c.prog, v.kind, v.step, v.errno)
		if old, ok := seen[status]; ok || status < firstFailure || status > lastStatus {
			t.Errorf("status %d is of %+v and %+v", status, v, old)
		}
		seen[status] = v
		if got, ok := c.prog.failureOf(int(status)); !ok || got != v {
			t.Errorf("status %d is read as %+v, not %+v", status, got, v)
		}
	}
	for _, row := range []struct{ sent, received failure }{
		{failure{messageFailed, 6, unix.EACCES}, failure{messageFailed, 6, unix.EACCES}},
		{failure{messageNoFile, 6, unix.ENOENT}, failure{messageNoFile, 6, unix.ENOENT}},
		{failure{messageFailed, 6, 4000}, failure{messageFailed, 6, 0}},
		{failure{messageFailed, 1, unix.EPERM}, failure{messageFailed, 1, unix.EPERM}},
		{failure{messageFailed, 2, unix.EXDEV}, failure{messageFailed, 2, 0}},
	} {
		status := exitStatusFor(c.prog, row.sent.kind, row.sent.step, row.sent.errno)
		if got, ok := c.prog.failureOf(int(status)); !ok || got != row.received {
			t.Errorf("%+v is read as %+v", row.sent, got)
		}
	}
	for _, status := range []int{0, statusUnknown, -1, len(c.prog.failures) + firstFailure, 1 << 30} {
		if v, ok := c.prog.failureOf(status); ok {
			t.Errorf("status %d is read as %+v", status, v)
		}
	}
	if got := exitStatusFor(c.prog, messageFailed, 4, syscall.EPERM); got != statusUnknown {
		t.Errorf("a step that isn't in the table is reported by status %d", got)
	}
}

func TestTableOfTooManyStepsIsRefused(t *testing.T) {
	c := &compiler{plan: &plan.Plan{}, prog: &program{}}
	for range 20 {
		c.plan.Steps = append(c.plan.Steps, plan.Step{Op: plan.OpProc})
	}
	if err := c.failures(0); err == nil {
		t.Errorf("%d entries", len(c.prog.failures))
	}
}
