// Package seccomp compiles the seccomp section of an OCI bundle into a filter, as the runtime
// does for docker exec. It is used if the filter of the container's first process may not be copied:
// that requires CAP_SYS_ADMIN in the initial user namespace, which a rootless engine does not
// have. The package does no I/O.
//
// The filter decides each call like that of runc with libseccomp, but with another program; make
// seccomp compares them. There are two exceptions, in which libseccomp's result depends on the order
// of a call's rules: rules with different actions, and rules that compare the same argument other
// than for equality. Here the strictest matching rule counts.
// Sources: https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#seccomp,
// seccomp_rule_add(3), runc's libcontainer/seccomp, linux/seccomp.h, linux/audit.h.
package seccomp

import (
	"encoding/json"
	"fmt"
)

// Profile is the seccomp section, as far as the filter depends on it.
type Profile struct {
	DefaultAction   string   `json:"defaultAction"`
	DefaultErrnoRet *uint16  `json:"defaultErrnoRet"`
	Architectures   []string `json:"architectures"`
	Flags           []string `json:"flags"`
	// Syscalls is parsed only by Compile, since it is most of a bundle.
	Syscalls json.RawMessage `json:"syscalls"`
}

// entry is an element of the section's syscalls.
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

	rules []rule // derived from the fields above
}

// action is the return value of a filter: SECCOMP_RET_… of linux/seccomp.h, with its data.
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

// parseAction parses SCMP_ACT_…; number is its errno or trace data, EPERM if nil.
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

// strictness orders actions as the kernel does if several filters disagree: the least one counts.
func (a action) strictness() int32 { return int32(a &^ 0xffff) } //nolint:gosec // the kernel's own comparison

// permits reports whether an action does not block a call: allow, log or trace.
func (a action) permits() bool { return a.strictness() >= trace.strictness() }

// condition compares an argument, after applying the mask.
type condition struct {
	index uint
	op    string
	mask  uint64
	value uint64
}

// rule is the action for a call that meets all conditions.
type rule struct {
	action     action
	conditions []condition
}

// makeRules sets the entry's rules. If an argument has two conditions, each condition becomes a rule of
// its own, as in runc.
func (e *entry) makeRules() error {
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
			return fmt.Errorf("its seccomp profile has a condition on argument %d", arg.Index)
		}
		c := condition{index: arg.Index, op: arg.Op, mask: ^uint64(0), value: arg.Value}
		switch arg.Op {
		case "SCMP_CMP_EQ", "SCMP_CMP_NE", "SCMP_CMP_GT", "SCMP_CMP_GE", "SCMP_CMP_LT", "SCMP_CMP_LE":
		case "SCMP_CMP_MASKED_EQ":
			// Like libseccomp: bits of the value outside the mask are ignored.
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

// LoadFlags returns the flags to load the filter with, SECCOMP_FILTER_FLAG_… of linux/seccomp.h,
// without those that only affect the loading itself.
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
