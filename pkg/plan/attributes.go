package plan

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// Attributes are scheduling and other per-process settings that a process inherits. A command gets
// those of its Starter, not the caller's.
type Attributes struct {
	// Policy is SCHED_… of sched(7), 0 for SCHED_OTHER. Priority belongs to a real-time policy.
	Policy   uint32 `json:"policy,omitempty"`
	Priority uint32 `json:"priority,omitempty"`
	Nice     int    `json:"nice"`
	// IOPriority is a class and a level as in ioprio_set(2); 0 for none.
	IOPriority uint32 `json:"ioPriority,omitempty"`
	// TimerSlack is in nanoseconds.
	TimerSlack uint64 `json:"timerSlack,omitempty"`
	// Personality is the execution domain, personality(2).
	Personality uint32 `json:"personality,omitempty"`
	// CoreFilter is /proc/PID/coredump_filter, core(5).
	CoreFilter uint64 `json:"coreFilter"`
	// SmallPages means that transparent huge pages are disabled, PR_SET_THP_DISABLE.
	SmallPages bool `json:"smallPages,omitempty"`
	// StoreBypass and IndirectBranch are the process's control of processor speculation.
	StoreBypass    Speculation `json:"storeBypass,omitempty"`
	IndirectBranch Speculation `json:"indirectBranch,omitempty"`
}

// scheduling describes the nice value and whatever else differs from the kernel's defaults.
func (a Attributes) scheduling() string {
	text := fmt.Sprintf("nice %d", a.Nice)
	if a.Policy != 0 {
		text += fmt.Sprintf(", policy %d, priority %d", a.Policy, a.Priority)
	}
	if a.IOPriority != 0 {
		const classAt = 13
		text += fmt.Sprintf(", i/o class %d, level %d", a.IOPriority>>classAt, a.IOPriority&(1<<classAt-1))
	}
	return text
}

// Speculation is a value of PR_SET_SPECULATION_CTRL(2const); 0 if a process cannot control it.
type Speculation uint32

// The values that a process can set.
const (
	SpeculationOn       Speculation = 1 << 1 // PR_SPEC_ENABLE
	SpeculationOff      Speculation = 1 << 2 // PR_SPEC_DISABLE
	SpeculationForceOff Speculation = 1 << 3 // PR_SPEC_FORCE_DISABLE: cannot be enabled again
)

// Undo says which of the helper's own attributes must be changed for the command. The other attributes
// are always set.
type Undo struct {
	Securebits, CoreFilter, StoreBypass, IndirectBranch bool
}

// PermanentAttributes are the attributes that a process cannot undo. Every process that it starts has them too.
type PermanentAttributes struct {
	NoNewPrivileges bool
	// Securebits are the locked ones, capabilities(7).
	Securebits uint32
	// Filters is the number of its seccomp filters.
	Filters int
	// NoWriteExecute is PR_SET_MDWE(2const).
	NoWriteExecute bool
	// CoreCookie means that it shares a processor core only with some processes, PR_SCHED_CORE(2const).
	CoreCookie bool
	// StoreBypassOff and IndirectBranchOff mean that the speculation is disabled permanently.
	StoreBypassOff    bool
	IndirectBranchOff bool
}

// noSetuidFixup is SECBIT_NO_SETUID_FIXUP: a process that changes from root to another user keeps its
// capabilities.
const noSetuidFixup = 1 << 2

// AddsRights reports whether l would give a command more rights than the container's.
func (l PermanentAttributes) AddsRights() bool { return l.Securebits&noSetuidFixup != 0 }

// Names lists the attributes of l for messages.
func (l PermanentAttributes) Names() []string {
	var list []string
	for _, row := range []struct {
		has  bool
		name string
	}{
		{l.NoNewPrivileges, "no_new_privs"},
		{l.Securebits != 0, fmt.Sprintf("locked securebits (%#x)", l.Securebits)},
		{l.Filters > 0, "seccomp filter"},
		{l.NoWriteExecute, "ban on memory that can be written and executed (MDWE)"},
		{l.StoreBypassOff, "ban on speculative store bypass"},
		{l.IndirectBranchOff, "ban on indirect branch speculation"},
		{l.CoreCookie, "core scheduling cookie"},
	} {
		if row.has {
			list = append(list, row.name)
		}
	}
	return list
}

// String lists the names as part of a sentence.
func (l PermanentAttributes) String() string { return strings.Join(l.Names(), " and ") }

// undo decides which of the helper's own attributes are undone for a command in a container, and
// returns warnings. It refuses a command that would have more rights than the container, or lack some of them.
// A helper that the engine started has no attributes of the caller's.
func (p *Plan) undo(o *Observed, c *ContainerIdentity) ([]string, error) {
	users := p.leaves(ns.User)
	c.Undo = Undo{
		Securebits:     !users, // joining a user namespace resets them, user_namespaces(7)
		CoreFilter:     c.CoreFilter != o.Own.CoreFilter,
		StoreBypass:    c.StoreBypass != 0 && c.StoreBypass != o.Own.StoreBypass && !o.Permanent.StoreBypassOff,
		IndirectBranch: c.IndirectBranch != 0 && c.IndirectBranch != o.Own.IndirectBranch && !o.Permanent.IndirectBranchOff,
	}
	if p.Remote {
		return nil, nil
	}
	l := o.Permanent.beyond(c, o.TargetProcess.Starter.Filters)
	if users {
		l.Securebits = 0
	} else if lacks := c.Capabilities.all() & o.TargetProcess.Starter.Bounding &^ o.Capabilities; lacks != 0 {
		return nil, exit.Hint(errors.New(lacks.LackingMessage()), "--via engine gives the command the container's capabilities")
	}
	c.Undo.Securebits = c.Undo.Securebits && l.Securebits == 0
	if l.AddsRights() {
		return nil, exit.Hint(fmt.Errorf("the caller's %s cannot be removed and would give the command more rights", l), "%s", byEngine)
	}
	if l == (PermanentAttributes{}) {
		return nil, nil
	}
	return []string{fmt.Sprintf("the command keeps the caller's %s, which cannot be removed; %s", l, byEngine)}, nil
}

// byEngine is the hint if the command would inherit something of the caller's.
const byEngine = "--via engine runs the command without it"

// beyond returns the attributes of l that c, the identity planned for the command, does not have.
// filters is the number of seccomp filters of the container's starter.
func (l PermanentAttributes) beyond(c *ContainerIdentity, filters int) PermanentAttributes {
	l.NoNewPrivileges = l.NoNewPrivileges && !c.NoNewPrivileges
	l.Filters = max(0, l.Filters-filters)
	l.StoreBypassOff = l.StoreBypassOff && c.StoreBypass != SpeculationForceOff
	l.IndirectBranchOff = l.IndirectBranchOff && c.IndirectBranch != SpeculationForceOff
	return l
}

// Configured is the part of a container's configuration that the caller's own attributes can conflict
// with. It comes from the engine, before anything is observed.
type Configured struct {
	Capabilities    CapSet
	NoNewPrivileges bool
	Limits          []Limit
	OOMScoreAdj     int
}

// Conflict describes the caller's permanent attributes that a command in the container would keep; ""
// for none.
func (l PermanentAttributes) Conflict(c *Configured) string {
	l.NoNewPrivileges = l.NoNewPrivileges && !c.NoNewPrivileges
	if l == (PermanentAttributes{}) {
		return ""
	}
	return fmt.Sprintf("the caller's %s cannot be removed", l)
}

// LackingMessage says that the caller lacks the capabilities in c, which the container has.
func (c CapSet) LackingMessage() string {
	return "the caller lacks " + strings.Join(c.Names(), " and ") + ", which the container has"
}
