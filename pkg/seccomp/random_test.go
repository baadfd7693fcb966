//go:build linux && libseccomp

package seccomp_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

// profile is the seccomp section of a bundle.
type profile struct {
	DefaultAction   string   `json:"defaultAction"`
	DefaultErrnoRet *uint16  `json:"defaultErrnoRet,omitempty"`
	Architectures   []string `json:"architectures,omitempty"`
	Syscalls        []entry  `json:"syscalls"`
}

type entry struct {
	Names    []string    `json:"names"`
	Action   string      `json:"action"`
	ErrnoRet *uint16     `json:"errnoRet,omitempty"`
	Args     []condition `json:"args,omitempty"`
}

type condition struct {
	Index    uint   `json:"index"`
	Value    uint64 `json:"value"`
	ValueTwo uint64 `json:"valueTwo,omitempty"`
	Op       string `json:"op"`
}

// actions maps the names of actions to SECCOMP_RET_…, and operators the names of comparisons to
// libseccomp's enum scmp_compare.
var (
	actions = map[string]uint32{
		"SCMP_ACT_KILL": unix.SECCOMP_RET_KILL_THREAD, "SCMP_ACT_KILL_THREAD": unix.SECCOMP_RET_KILL_THREAD,
		"SCMP_ACT_KILL_PROCESS": unix.SECCOMP_RET_KILL_PROCESS, "SCMP_ACT_TRAP": unix.SECCOMP_RET_TRAP, "SCMP_ACT_ERRNO": unix.SECCOMP_RET_ERRNO,
		"SCMP_ACT_TRACE": unix.SECCOMP_RET_TRACE, "SCMP_ACT_LOG": unix.SECCOMP_RET_LOG, "SCMP_ACT_ALLOW": unix.SECCOMP_RET_ALLOW,
	}
	operators = map[string]int{
		"SCMP_CMP_NE": 1, "SCMP_CMP_LT": 2, "SCMP_CMP_LE": 3, "SCMP_CMP_EQ": 4, "SCMP_CMP_GE": 5, "SCMP_CMP_GT": 6, "SCMP_CMP_MASKED_EQ": 7,
	}
)

var actionNames = func() map[uint32]string {
	names := make(map[uint32]string)
	for name, action := range actions {
		names[action] = name
	}
	return names
}()

func returned(name string, number *uint16) uint32 {
	action := actions[name]
	if name != "SCMP_ACT_ERRNO" && name != "SCMP_ACT_TRACE" {
		return action
	}
	if number == nil {
		return action | uint32(unix.EPERM)
	}
	return action | uint32(*number)
}

func (p profile) defaultAction() uint32 { return returned(p.DefaultAction, p.DefaultErrnoRet) }
func (e entry) action() uint32          { return returned(e.Action, e.ErrnoRet) }

// each calls do for the rules that runc adds: one for each name, or one for each condition if an
// argument has two.
func (p profile) each(do func(e entry, name string, conditions []condition)) {
	for _, e := range p.Syscalls {
		seen := make(map[uint]bool)
		for _, c := range e.Args {
			seen[c.Index] = true
		}
		for _, name := range e.Names {
			if len(seen) == len(e.Args) {
				do(e, name, e.Args)
				continue
			}
			for _, c := range e.Args {
				do(e, name, []condition{c})
			}
		}
	}
}

// rules returns the number of names in all entries.
func (p profile) rules() (n int) {
	for _, e := range p.Syscalls {
		n += len(e.Names)
	}
	return n
}

// compiled returns the filter that this package compiles; nil if it is longer than the kernel allows.
func (p profile) compiled(t *testing.T, known []seccomp.ABI) []seccomp.Instruction {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var ours seccomp.Profile
	if err := json.Unmarshal(text, &ours); err != nil {
		t.Fatal(err)
	}
	program, err := ours.CompileFor(known)
	if err != nil && strings.Contains(err.Error(), "the kernel allows") {
		return nil
	}
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return program
}

// randomProfile returns a random profile with calls of these names, for some of these ABIs. It is always
// the same for a number.
func randomProfile(number uint64, names []string, known []seccomp.ABI) profile {
	r := rand.New(rand.NewPCG(number, 15))
	errnos := []uint16{0, 1, 2, 38, 95, 4094}
	some := func() *uint16 {
		if r.IntN(2) == 0 {
			return nil
		}
		return &errnos[r.IntN(len(errnos))]
	}
	kinds := []string{
		"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",
		"SCMP_ACT_TRACE", "SCMP_ACT_TRAP",
	}
	p := profile{DefaultAction: kinds[r.IntN(len(kinds))], DefaultErrnoRet: some()}
	for _, a := range known {
		if r.IntN(3) > 0 {
			p.Architectures = append(p.Architectures, a.Name())
		}
	}
	// Most profiles have only a few actions; some of these have all.
	few := []string{kinds[r.IntN(len(kinds))], kinds[r.IntN(len(kinds))]}
	if r.IntN(3) == 0 {
		few = kinds
	}
	for range r.IntN(40) {
		e := entry{Action: few[r.IntN(len(few))], ErrnoRet: some()}
		for range 1 + r.IntN(1+r.IntN(20)) {
			e.Names = append(e.Names, names[r.IntN(len(names))])
		}
		if r.IntN(8) == 0 {
			e.Names = append(e.Names, []string{"socketcall", "ipc", "socket", "semop", "shmctl", "nonesuch", "accept4"}[r.IntN(7)])
		}
		for range max(0, r.IntN(6)-2) {
			e.Args = append(e.Args, randomCondition(r))
		}
		slices.Sort(e.Names)
		e.Names = slices.Compact(e.Names)
		p.Syscalls = append(p.Syscalls, e)
	}
	return p
}

// randomCondition returns a condition with a value at the boundaries of halves, signs and carries.
func randomCondition(r *rand.Rand) condition {
	edges := []uint64{
		0, 1, 2, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 1 << 32, 1<<32 + 1, 1<<32 - 2, 2<<32 - 1, 5 << 32, 5<<32 | 0xffffffff, 1 << 63,
		1<<63 - 1, ^uint64(0), ^uint64(0) - 1, 0x7e020000, 0o40000, 8, 9, 0xdeadbeef00c0ffee,
	}
	names := []string{"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"}
	c := condition{Index: uint(r.IntN(6)), Value: edges[r.IntN(len(edges))], Op: names[r.IntN(len(names))]}
	if c.Op == "SCMP_CMP_MASKED_EQ" {
		c.ValueTwo = edges[r.IntN(len(edges))]
		if r.IntN(4) > 0 {
			c.ValueTwo &= c.Value // otherwise no argument meets it
		}
	}
	return c
}
