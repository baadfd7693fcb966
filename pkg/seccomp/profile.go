// Package seccomp makes a filter from the seccomp section of an OCI bundle, as the
// runtime does for docker exec. It is for who may not copy the filter that the
// container's first process has: that takes CAP_SYS_ADMIN in the initial user
// namespace, which nobody in a rootless engine has. It is pure.
//
// It decides each call as runc with libseccomp does, by another program; make seccomp
// compares them. Two kinds of profiles are an exception, where libseccomp's answer depends
// on the order in which it looks at the rules of one call. Here the strictest of the rules
// that match holds: where they have different actions, or where they compare the same
// argument and not only for being equal.
// Sources: https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#seccomp,
// seccomp_rule_add(3), runc's libcontainer/seccomp, linux/seccomp.h, linux/audit.h.
package seccomp

import (
	"encoding/json"
	"fmt"
)

// Profile is the section, as far as a filter follows from it.
type Profile struct {
	DefaultAction   string   `json:"defaultAction"`
	DefaultErrnoRet *uint16  `json:"defaultErrnoRet"`
	Architectures   []string `json:"architectures"`
	Flags           []string `json:"flags"`
	// Syscalls is left to be read by Compile: it is most of a bundle.
	Syscalls json.RawMessage `json:"syscalls"`
}

// entry is one of the section's syscalls.
type entry struct {
	Names    []string `json:"names"`
	Action   string   `json:"action"`
	ErrnoRet *uint16  `json:"errnoRet"`
	Args     []struct {
		Index    uint   `json:"index"`
		Value    uint64 `json:"value"`
		ValueTwo uint64 `json:"valueTwo"`
		Op       string `json:"op"`
	} `json:"args"`

	rules []rule // what follows
}

// action is what a filter returns, SECCOMP_RET_… of linux/seccomp.h with its data.
type action uint32

const (
	killProcess action = 0x80000000
	killThread  action = 0
	trap        action = 0x00030000
	errno       action = 0x00050000
	notify      action = 0x7fc00000
	trace       action = 0x7ff00000
	logged      action = 0x7ffc0000
	allow       action = 0x7fff0000

	eperm  = 1
	enosys = 38
)

// parseAction reads SCMP_ACT_… with its number, EPERM where there is none.
func parseAction(name string, number *uint16) (action, error) {
	n := action(eperm)
	if number != nil {
		n = action(*number)
	}
	switch name {
	case "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD":
		return killThread, nil
	case "SCMP_ACT_KILL_PROCESS":
		return killProcess, nil
	case "SCMP_ACT_TRAP":
		return trap, nil
	case "SCMP_ACT_ERRNO":
		return errno | n, nil
	case "SCMP_ACT_TRACE":
		return trace | n, nil
	case "SCMP_ACT_LOG":
		return logged, nil
	case "SCMP_ACT_ALLOW":
		return allow, nil
	case "SCMP_ACT_NOTIFY":
		return notify, nil
	}
	return 0, fmt.Errorf("its seccomp profile has an unknown action %q", name)
}

// strictness orders actions as the kernel does among filters: the least wins.
func (a action) strictness() int32 { return int32(a &^ 0xffff) } //nolint:gosec // the kernel's own comparison

// permits tells whether a call that newer kernels have is let through.
func (a action) permits() bool { return a.strictness() >= trace.strictness() }

// condition is a comparison of an argument. The argument is masked first.
type condition struct {
	index uint
	op    string
	mask  uint64
	value uint64
}

// rule is what holds for a call where all conditions are met.
type rule struct {
	action     action
	conditions []condition
}

// read makes the entry's rules; more than one where an argument has two conditions, of
// which runc takes each for itself.
func (e *entry) read() error {
	a, err := parseAction(e.Action, e.ErrnoRet)
	if err != nil {
		return err
	}
	all := rule{action: a}
	var each []rule
	twice, seen := false, uint(0)
	for _, arg := range e.Args {
		const most = 6
		if arg.Index >= most {
			return fmt.Errorf("its seccomp profile has a condition of argument %d", arg.Index)
		}
		c := condition{index: arg.Index, op: arg.Op, mask: ^uint64(0), value: arg.Value}
		switch arg.Op {
		case "SCMP_CMP_EQ", "SCMP_CMP_NE", "SCMP_CMP_GT", "SCMP_CMP_GE", "SCMP_CMP_LT", "SCMP_CMP_LE":
		case "SCMP_CMP_MASKED_EQ":
			// As libseccomp does: of a value outside of the mask the rest is compared.
			c.op, c.mask, c.value = "SCMP_CMP_EQ", arg.Value, arg.ValueTwo&arg.Value
		default:
			return fmt.Errorf("its seccomp profile has an unknown comparison %q", arg.Op)
		}
		twice = twice || seen&(1<<arg.Index) != 0
		seen |= 1 << arg.Index
		all.conditions = append(all.conditions, c)
		each = append(each, rule{action: a, conditions: []condition{c}})
	}
	if e.rules = each; !twice {
		e.rules = []rule{all}
	}
	return nil
}

// LoadFlags are the flags that the filter is loaded with, SECCOMP_FILTER_FLAG_… of
// linux/seccomp.h: those that outlive the load.
func (p *Profile) LoadFlags() uint32 {
	const logged, specAllow = 1 << 1, 1 << 2
	var flags uint32
	for _, name := range p.Flags {
		switch name {
		case "SECCOMP_FILTER_FLAG_LOG":
			flags |= logged
		case "SECCOMP_FILTER_FLAG_SPEC_ALLOW":
			flags |= specAllow
		}
	}
	return flags
}
