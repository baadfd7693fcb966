//go:build linux

package seccomp_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp/seccomptest"
)

// calls is the table of a kernel with few calls.
const calls = "0 zero\n1 one\n2 two\n3 three\n5 five\n6 six\n9 nine\n10 socketcall\n"

const (
	allow  = unix.SECCOMP_RET_ALLOW
	eperm  = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	enosys = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
)

// decider returns a function that runs the filter of a profile on calls of its ABI.
func decider(t *testing.T, text string, long, big bool) func(number uint32, arguments ...uint64) uint32 {
	t.Helper()
	decide := compiled(t, text, long, big)
	return func(number uint32, arguments ...uint64) uint32 {
		c := seccomptest.Call{Number: number, ABI: 7}
		copy(c.Arguments[:], arguments)
		return decide(c)
	}
}

// compiled returns a function that runs the filter of a profile on any call.
func compiled(t *testing.T, text string, long, big bool) func(seccomptest.Call) uint32 {
	t.Helper()
	var p seccomp.Profile
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	program, err := p.CompileAs(calls, long, big)
	if err != nil {
		t.Fatal(err)
	}
	decide, err := seccomptest.Decider(program, big)
	if err != nil {
		t.Fatal(err)
	}
	return decide
}

func TestComparisons(t *testing.T) {
	values := []uint64{
		0, 1, 2, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 1 << 32, 1<<32 + 1, 2 << 32, 2<<32 - 1, 2<<32 + 1,
		1 << 63, 1<<63 + 1, ^uint64(0), ^uint64(0) - 1,
	}
	for op, holds := range map[string]func(a, v, two uint64) bool{
		"EQ":        func(a, v, _ uint64) bool { return a == v },
		"NE":        func(a, v, _ uint64) bool { return a != v },
		"GT":        func(a, v, _ uint64) bool { return a > v },
		"GE":        func(a, v, _ uint64) bool { return a >= v },
		"LT":        func(a, v, _ uint64) bool { return a < v },
		"LE":        func(a, v, _ uint64) bool { return a <= v },
		"MASKED_EQ": func(a, v, two uint64) bool { return a&v == two },
	} {
		for _, as := range []struct {
			long, big bool
			of        uint64 // the bits that are compared
		}{{true, false, ^uint64(0)}, {true, true, ^uint64(0)}, {false, false, 0xffffffff}, {false, true, 0xffffffff}} {
			for _, v := range values {
				two := v & 0x5555555555555555
				decide := decider(t, fmt.Sprintf(`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["three"],
					"action":"SCMP_ACT_ALLOW","args":[{"index":4,"op":"SCMP_CMP_%s","value":%d,"valueTwo":%d}]}]}`, op, v, two), as.long, as.big)
				for _, a := range values {
					want := eperm
					if holds(a&as.of, v&as.of, two&as.of) {
						want = allow
					}
					if got := decide(3, ^a, ^a, ^a, ^a, a, ^a); got != want {
						t.Errorf("%s %#x of %#x (%#x), %+v: %#x, want %#x", op, v, a, two, as, got, want)
					}
				}
			}
		}
	}
}

func TestDecisions(t *testing.T) {
	for _, row := range []struct {
		name, profile string
		want          map[uint32]uint32 // with arguments 1, 2, 3
	}{
		{
			"every action", `"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
				{"names":["zero"],"action":"SCMP_ACT_KILL"},{"names":["one"],"action":"SCMP_ACT_KILL_PROCESS"},
				{"names":["two"],"action":"SCMP_ACT_TRAP"},{"names":["three"],"action":"SCMP_ACT_ERRNO","errnoRet":95},
				{"names":["five"],"action":"SCMP_ACT_TRACE","errnoRet":7},{"names":["six"],"action":"SCMP_ACT_LOG"}]`,
			map[uint32]uint32{
				0: unix.SECCOMP_RET_KILL_THREAD, 1: unix.SECCOMP_RET_KILL_PROCESS, 2: unix.SECCOMP_RET_TRAP,
				3: unix.SECCOMP_RET_ERRNO | 95, 4: allow, 5: unix.SECCOMP_RET_TRACE | 7, 6: unix.SECCOMP_RET_LOG, 7: allow, 1000: allow,
			},
		},
		{
			"calls newer than all named ones", `"defaultAction":"SCMP_ACT_ERRNO","architectures":["TEST"],
				"syscalls":[{"names":["one","two","six"],"action":"SCMP_ACT_ALLOW"},{"names":["nonesuch"],"action":"SCMP_ACT_ALLOW"}]`,
			map[uint32]uint32{0: eperm, 1: allow, 2: allow, 3: eperm, 5: eperm, 6: allow, 7: enosys, ^uint32(0): enosys},
		},
		{
			"calls newer than one named with the default action", `"defaultAction":"SCMP_ACT_ERRNO","architectures":["TEST"],
				"syscalls":[{"names":["one"],"action":"SCMP_ACT_ALLOW"},{"names":["nine"],"action":"SCMP_ACT_ERRNO"}]`,
			map[uint32]uint32{1: allow, 9: eperm, 10: enosys},
		},
		{
			"no ABI named", `"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["one"],"action":"SCMP_ACT_ALLOW"}]`,
			map[uint32]uint32{0: eperm, 1: allow, 9: eperm},
		},
		{
			"the default is ENOSYS", `"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"architectures":["TEST"],
				"syscalls":[{"names":["one"],"action":"SCMP_ACT_ALLOW"}]`,
			map[uint32]uint32{0: enosys, 1: allow, 9: enosys},
		},
		{
			"the default permits calls", `"defaultAction":"SCMP_ACT_TRACE","architectures":["TEST"],
				"syscalls":[{"names":["one"],"action":"SCMP_ACT_ERRNO"}]`,
			map[uint32]uint32{0: unix.SECCOMP_RET_TRACE | 1, 1: eperm, 9: unix.SECCOMP_RET_TRACE | 1},
		},
		{
			"conditions of an entry, of two entries, and two of one argument", `"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
				{"names":["zero"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":1,"value":3,"op":"SCMP_CMP_EQ"}]},
				{"names":["one"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":1,"value":2,"op":"SCMP_CMP_EQ"}]},
				{"names":["two","three"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":5,"op":"SCMP_CMP_EQ"}]},
				{"names":["two"],"action":"SCMP_ACT_ALLOW","args":[{"index":2,"value":3,"op":"SCMP_CMP_EQ"}]},
				{"names":["five"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":5,"op":"SCMP_CMP_EQ"},{"index":0,"value":1,"op":"SCMP_CMP_EQ"}]}]`,
			map[uint32]uint32{0: eperm, 1: allow, 2: allow, 3: eperm, 4: eperm, 5: allow},
		},
		{
			"the strictest of contradicting rules", `"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
				{"names":["one","two"],"action":"SCMP_ACT_ALLOW"},{"names":["one"],"action":"SCMP_ACT_KILL"},
				{"names":["two"],"action":"SCMP_ACT_TRAP","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"}]},
				{"names":["three"],"action":"SCMP_ACT_ALLOW"},
				{"names":["three"],"action":"SCMP_ACT_TRAP","args":[{"index":0,"value":2,"op":"SCMP_CMP_EQ"}]}]`,
			map[uint32]uint32{1: unix.SECCOMP_RET_KILL_THREAD, 2: unix.SECCOMP_RET_TRAP, 3: allow},
		},
		{
			"a call made through socketcall", `"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
				{"names":["socket"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":40,"op":"SCMP_CMP_EQ"}]}]`,
			map[uint32]uint32{10: eperm, 9: allow},
		},
		{
			"a call made through socketcall with further conditions", `"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["socket"],"action":"SCMP_ACT_ERRNO","args":[
				{"index":0,"value":40,"op":"SCMP_CMP_EQ"},{"index":1,"value":3,"op":"SCMP_CMP_EQ"}]}]`,
			map[uint32]uint32{10: allow},
		},
		{
			"a value with bits outside the mask", `"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
				{"names":["one"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":4,"valueTwo":3,"op":"SCMP_CMP_MASKED_EQ"}]}]`,
			map[uint32]uint32{1: eperm},
		},
		{
			"another call made through socketcall", `"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["bind"],"action":"SCMP_ACT_ERRNO"}]`,
			map[uint32]uint32{10: allow},
		},
		{"no calls", `"defaultAction":"SCMP_ACT_ERRNO","syscalls":null`, map[uint32]uint32{0: eperm, 9: eperm}},
	} {
		decide := decider(t, "{"+row.profile+"}", true, false)
		for number, want := range row.want {
			if got := decide(number, 1, 2, 3); got != want {
				t.Errorf("%s: call %d: %#x, want %#x", row.name, number, got, want)
			}
		}
	}
}

func TestOtherABIIsKilled(t *testing.T) {
	decide := compiled(t, `{"defaultAction":"SCMP_ACT_ALLOW"}`, true, false)
	if got := decide(seccomptest.Call{ABI: 8}); got != unix.SECCOMP_RET_KILL_THREAD {
		t.Errorf("%#x", got)
	}
}

func TestNotifies(t *testing.T) {
	for _, row := range []struct {
		text string
		want bool
	}{
		{`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["acct"],"action":"SCMP_ACT_ERRNO"}]}`, false},
		{`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["acct"],"action":"SCMP_ACT_TRACE"}]}`, false},
		{`{"defaultAction":"SCMP_ACT_NOTIFY"}`, true},
		{`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["acct"],"action":"SCMP_ACT_NOTIFY"}]}`, true},
	} {
		var p seccomp.Profile
		if err := json.Unmarshal([]byte(row.text), &p); err != nil {
			t.Fatal(err)
		}
		program, err := p.Compile()
		if err != nil || seccomp.Notifies(program) != row.want {
			t.Errorf("%s: %v, %v", row.text, err, seccomp.Notifies(program))
		}
	}
}

func TestProfileIsRefused(t *testing.T) {
	const start, end = `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["one"],"action":"SCMP_ACT_ERRNO"`, `}]}`
	var many []string
	for i := range 600 {
		many = append(many, fmt.Sprintf(`{"index":0,"value":%d,"op":"SCMP_CMP_GT"}`, i))
	}
	for _, row := range []struct{ name, text, message string }{
		{"no action", `{}`, `its seccomp profile has an unknown action ""`},
		{"an unknown action of a call", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"action":"SHRUG"}]}`, `its seccomp profile has an unknown action "SHRUG"`},
		{"an unknown comparison", start + `,"args":[{"op":"SCMP_CMP_LIKE"}]` + end, `its seccomp profile has an unknown comparison "SCMP_CMP_LIKE"`},
		{"an argument that does not exist", start + `,"args":[{"index":6,"op":"SCMP_CMP_EQ"}]` + end, "its seccomp profile has a condition on argument 6"},
		{"syscalls that are not a list", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":{}}`, "its seccomp profile: json: cannot unmarshal object"},
		{"a filter that is too long", start + `,"args":[` + strings.Join(many, ",") + `]` + end, "its seccomp profile needs a filter of "},
	} {
		var p seccomp.Profile
		if err := json.Unmarshal([]byte(row.text), &p); err != nil {
			t.Fatal(err)
		}
		if got, err := p.CompileAs(calls, true, false); err == nil || !strings.HasPrefix(err.Error(), row.message) {
			t.Errorf("%s: %d instructions, %v", row.name, len(got), err)
		}
	}
}

// The table is that of this kernel, compared with some of the numbers that Go has.
func TestNumbers(t *testing.T) {
	numbers := seccomp.Numbers()
	for name, want := range map[string]uint32{
		"read": unix.SYS_READ, "execve": unix.SYS_EXECVE, "mount": unix.SYS_MOUNT, "clone3": unix.SYS_CLONE3,
		"openat2": unix.SYS_OPENAT2, "close_range": unix.SYS_CLOSE_RANGE, "seccomp": unix.SYS_SECCOMP,
	} {
		if got, ok := numbers[name]; !ok || got != want {
			t.Errorf("%s is %d, not %d", name, got, want)
		}
	}
}

// The filter of any profile is valid and always the same.
func FuzzProfile(f *testing.F) {
	for _, text := range []string{
		`{"defaultAction":"SCMP_ACT_ERRNO","architectures":["TEST"],"syscalls":[{"names":["zero","one"],"action":"SCMP_ACT_ALLOW"}]}`,
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["socket","five"],"action":"SCMP_ACT_TRAP","args":[
			{"index":1,"value":4294967297,"op":"SCMP_CMP_GE"},{"index":0,"value":3,"valueTwo":1,"op":"SCMP_CMP_MASKED_EQ"}]}]}`,
		`{"defaultAction":"SCMP_ACT_KILL_PROCESS","defaultErrnoRet":7,"syscalls":[{"names":["nine"],"action":"SCMP_ACT_TRACE","errnoRet":3}]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var p seccomp.Profile
		if json.Unmarshal(text, &p) != nil {
			return
		}
		program, err := p.CompileAs(calls, true, false)
		if err != nil {
			return
		}
		if _, err := seccomptest.Decider(program, false); err != nil || len(program) > seccomp.MaxInstructions {
			t.Errorf("%q: %d instructions, %v", text, len(program), err)
		}
		if again, err := p.CompileAs(calls, true, false); err != nil || !slices.Equal(again, program) {
			t.Errorf("%q: %v, then %v, %v", text, program, again, err)
		}
	})
}
