package plan

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// Attributes are what a process inherits besides its rights, its limits and what it has open: how it
// shares the machine with others, and how the kernel treats it. A command has those of its starter,
// whatever the caller's are.
type Attributes struct {
	// Policy is SCHED_… of sched(7), 0 for the usual one; Priority is that of a real-time policy.
	Policy   uint32 `json:"policy,omitempty"`
	Priority uint32 `json:"priority,omitempty"`
	Nice     int    `json:"nice"`
	// IOPriority is a class and a level, ioprio_set(2); 0 for none.
	IOPriority uint32 `json:"ioPriority,omitempty"`
	// TimerSlack is in nanoseconds.
	TimerSlack uint64 `json:"timerSlack,omitempty"`
	// Personality is the execution domain, personality(2).
	Personality uint32 `json:"personality,omitempty"`
	// CoreFilter says what a core dump has, core(5).
	CoreFilter uint64 `json:"coreFilter"`
	// SmallPages says that it has no transparent huge pages, PR_SET_THP_DISABLE.
	SmallPages bool `json:"smallPages,omitempty"`
	// StoreBypass and IndirectBranch say which speculation of the processor it does without.
	StoreBypass    Speculation `json:"storeBypass,omitempty"`
	IndirectBranch Speculation `json:"indirectBranch,omitempty"`
}

// scheduling says how a process shares processors and disks, as far as that isn't the usual.
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

// Speculation is a value of PR_SET_SPECULATION_CTRL(2const); 0 where a process can't choose.
type Speculation uint32

// What a process can choose.
const (
	SpeculationOn         Speculation = 1 << 1
	SpeculationOff        Speculation = 1 << 2
	SpeculationOffForGood Speculation = 1 << 3
)

// Undo says which attributes differ from the helper's own. The others are set without a look.
type Undo struct {
	Securebits, CoreFilter, StoreBypass, IndirectBranch bool
}

// PermanentAttributes is what a process can't undo: all that it starts has it, too.
type PermanentAttributes struct {
	NoNewPrivileges bool
	// Securebits are the locked ones, capabilities(7).
	Securebits uint32
	// Filters is the number of its seccomp filters.
	Filters int
	// NoWriteExecute is PR_SET_MDWE(2const), CoreCookie that it shares a processor's core with some
	// processes only, PR_SCHED_CORE(2const).
	NoWriteExecute bool
	CoreCookie     bool
	// StoreBypassOff and IndirectBranchOff say that the processor never speculates so for it.
	StoreBypassOff    bool
	IndirectBranchOff bool
}

// noSetuidFixup is SECBIT_NO_SETUID_FIXUP: who changes from root to another user keeps capabilities.
const noSetuidFixup = 1 << 2

// AddsRights tells whether a command would have more than a container's because of it.
func (l PermanentAttributes) AddsRights() bool { return l.Securebits&noSetuidFixup != 0 }

// Names are the attributes of l, as people know them.
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

// String is all of them in a sentence.
func (l PermanentAttributes) String() string { return strings.Join(l.Names(), " and ") }

// undo decides what of the helper's own attributes is undone for a command in a container. It refuses
// what would give the command more or less rights than it should have; what it returns are warnings.
// A helper by the engine has nothing of the caller's.
func (p *Plan) undo(o *Observed, c *ContainerIdentity) ([]string, error) {
	users := p.leaves(ns.User)
	c.Undo = Undo{
		Securebits:     !users, // who joins a user namespace has the default ones, user_namespaces(7)
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
		return nil, exit.Hint(errors.New(lacks.LackingMessage()), "--via engine gives the command what the container has")
	}
	c.Undo.Securebits = c.Undo.Securebits && l.Securebits == 0
	if l.AddsRights() {
		return nil, exit.Hint(fmt.Errorf("the caller's %s can't be undone", l), "%s", byEngine)
	}
	if l == (PermanentAttributes{}) {
		return nil, nil
	}
	return []string{fmt.Sprintf("the command keeps the caller's %s, which can't be undone; %s", l, byEngine)}, nil
}

// byEngine is the way out where the caller is in the way.
const byEngine = "--via engine runs it without"

// beyond is what of l a command has on top of what it is to have: c, of a container whose
// starter has so many filters.
func (l PermanentAttributes) beyond(c *ContainerIdentity, filters int) PermanentAttributes {
	l.NoNewPrivileges = l.NoNewPrivileges && !c.NoNewPrivileges
	l.Filters = max(0, l.Filters-filters)
	l.StoreBypassOff = l.StoreBypassOff && c.StoreBypass != SpeculationOffForGood
	l.IndirectBranchOff = l.IndirectBranchOff && c.IndirectBranch != SpeculationOffForGood
	return l
}

// Configured is what a container was made with, as far as a caller may be in the way of it. The engine
// says it before anything is observed.
type Configured struct {
	Capabilities    CapSet
	NoNewPrivileges bool
	Limits          []Limit
	OOMScoreAdj     int
}

// Conflict says which of the caller's lasting attributes a command in the container would keep; ""
// for none.
func (l PermanentAttributes) Conflict(c *Configured) string {
	l.NoNewPrivileges = l.NoNewPrivileges && !c.NoNewPrivileges
	if l == (PermanentAttributes{}) {
		return ""
	}
	return fmt.Sprintf("the caller's %s can't be undone", l)
}

// LackingMessage says that a caller lacks capabilities which a container has.
func (c CapSet) LackingMessage() string {
	return "the caller lacks " + strings.Join(c.Names(), " and ") + ", which the container has"
}
