//go:build linux

package observe

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// readAttributes reads what a child of p inherits, apart from rights and limits.
func (p *Process) readAttributes(st procfs.Status) (plan.Attributes, error) {
	a, err := scheduling(p.PID)
	if err != nil {
		return a, err
	}
	if a.IOPriority, err = ioPriority(p.PID); err != nil {
		return a, fmt.Errorf("i/o priority: %w", err)
	}
	slack, err := p.readNumber("timerslack_ns", 10)
	if errors.Is(err, fs.ErrPermission) { // without CAP_SYS_NICE
		slack, err = defaultTimerSlack, nil
	}
	if err != nil {
		return a, err
	}
	a.TimerSlack = slack
	personality, err := p.readNumber("personality", 16)
	if err != nil {
		return a, err
	}
	a.Personality = uint32(personality)
	if a.CoreFilter, err = p.readNumber("coredump_filter", 16); err != nil {
		return a, err
	}
	readPrctl(st, &a)
	return a, nil
}

// defaultTimerSlack is the timer slack of the system's first process, in nanoseconds.
const defaultTimerSlack = 50_000

// readNumber reads a file of /proc/PID that is a number. It is 0 if the kernel has no such file.
func (p *Process) readNumber(name string, base int) (uint64, error) {
	text, err := p.read(name)
	if errors.Is(err, fs.ErrNotExist) { // for an ended process the error is ESRCH
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(text), base, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return n, nil
}

// scheduling returns how a child of process pid will be scheduled.
func scheduling(pid int) (plan.Attributes, error) {
	attr, err := unix.SchedGetAttr(pid, 0)
	if err != nil {
		return plan.Attributes{}, fmt.Errorf("scheduling: %w", err)
	}
	a := plan.Attributes{Policy: attr.Policy, Priority: attr.Priority, Nice: int(attr.Nice)}
	realTime := a.Policy == unix.SCHED_FIFO || a.Policy == unix.SCHED_RR || a.Policy == unix.SCHED_DEADLINE
	if attr.Flags&unix.SCHED_FLAG_RESET_ON_FORK != 0 { // sched(7)
		a.Nice = max(0, a.Nice)
		if realTime {
			a = plan.Attributes{}
		}
	}
	return a, nil
}

// ioPriority returns the I/O priority of a process. It is 0 if the process has none of its own: an older kernel then
// returns a level without a class.
func ioPriority(pid int) (uint32, error) {
	const whoProcess, classAt = 1, 13
	r, _, errno := unix.Syscall(unix.SYS_IOPRIO_GET, whoProcess, uintptr(pid), 0)
	switch {
	case errno == unix.ENOSYS || r>>classAt == 0:
		return 0, nil
	case errno != 0:
		return 0, errno
	}
	return uint32(r), nil
}

// readPrctl reads the attributes of prctl(2) that status shows. A kernel or processor that offers no choice has
// another text, or no line.
func readPrctl(st procfs.Status, a *plan.Attributes) {
	huge, _ := st.Field("THP_enabled")
	a.SmallPages = huge == "0"
	bypass, _ := st.Field("Speculation_Store_Bypass")
	branch, _ := st.Field("SpeculationIndirectBranch")
	a.StoreBypass = map[string]plan.Speculation{
		"thread vulnerable": plan.SpeculationOn, "thread mitigated": plan.SpeculationOff,
		"thread force mitigated": plan.SpeculationForceOff,
	}[bypass]
	a.IndirectBranch = map[string]plan.Speculation{
		"conditional enabled": plan.SpeculationOn, "conditional disabled": plan.SpeculationOff,
		"conditional force disabled": plan.SpeculationForceOff,
	}[branch]
}

// readOwnAttributes reads the helper's inherited attributes that a plan depends on.
func (o *Observation) readOwnAttributes(st procfs.Status) error {
	o.Facts.Permanent = kernel.ReadPermanentAttributes()
	var err error
	if o.Facts.Permanent.Filters, err = st.Filters(); err != nil {
		return err
	}
	readPrctl(st, &o.Facts.Own)
	o.Facts.Own.CoreFilter, err = o.self.readNumber("coredump_filter", 16)
	return err
}
