//go:build linux

package seccomp_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

// filterOf compiles a profile.
func filterOf(t *testing.T, text string) []seccomp.Instruction {
	t.Helper()
	var p seccomp.Profile
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	program, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func TestDecide(t *testing.T) {
	const profile = `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
		{"names": ["setsid", "statx"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
		{"names": ["read"], "action": "SCMP_ACT_KILL_PROCESS"}, {"names": ["write"], "action": "SCMP_ACT_TRAP"},
		{"names": ["close"], "action": "SCMP_ACT_TRACE"}, {"names": ["openat"], "action": "SCMP_ACT_LOG"},
		{"names": ["ioctl"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": 21518, "op": "SCMP_CMP_EQ"}]},
		{"names": ["clone"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]}]}`
	filters := [][]seccomp.Instruction{filterOf(t, `{"defaultAction": "SCMP_ACT_ALLOW"}`), filterOf(t, profile)}
	for _, row := range []struct {
		name    string
		args    [6]uint64
		allowed bool
	}{
		{"execve", [6]uint64{}, true},
		{"setsid", [6]uint64{}, false},
		{"read", [6]uint64{}, false},
		{"write", [6]uint64{}, false},
		{"close", [6]uint64{}, false},
		{"openat", [6]uint64{}, true},
		{"ioctl", [6]uint64{}, true},
		{"ioctl", [6]uint64{0, 21518}, false},
		{"ioctl", [6]uint64{0, 21518 | 1<<32}, true},
		{"clone", [6]uint64{17}, false},
		{"clone", [6]uint64{0x7e020000}, true},
		{"not a call", [6]uint64{}, true},
	} {
		for _, list := range [][][]seccomp.Instruction{filters, {filters[1], filters[0]}} {
			if d := seccomp.NewFilters(list).Decide(seccomp.Call{Name: row.name, Arguments: row.args}); d.Allows() != row.allowed {
				t.Errorf("%s %x: %#x", row.name, row.args, d)
			}
		}
	}
	if d := seccomp.NewFilters(filters).Decide(seccomp.Call{Name: "statx"}); !d.Refuses(38) || d.Refuses(1) {
		t.Errorf("statx: %#x", d)
	}
	if d := seccomp.NewFilters(nil).Decide(seccomp.Call{Name: "statx"}); !d.Allows() || d.Refuses(0) {
		t.Errorf("without a filter: %#x", d)
	}
}

// A process may have loaded any program that the kernel accepts.
func TestDecideWithAnyProgram(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	operations := []bpf.ALUOp{bpf.ALUOpAdd, bpf.ALUOpSub, bpf.ALUOpMul, bpf.ALUOpOr, bpf.ALUOpAnd, bpf.ALUOpXor, bpf.ALUOpShiftLeft, bpf.ALUOpShiftRight}
	tests := []bpf.JumpTest{bpf.JumpEqual, bpf.JumpNotEqual, bpf.JumpGreaterThan, bpf.JumpLessThan, bpf.JumpGreaterOrEqual, bpf.JumpLessOrEqual, bpf.JumpBitsSet}
	for range 5000 {
		list := []bpf.Instruction{bpf.LoadConstant{Dst: bpf.RegA, Val: random.Uint32()}, bpf.LoadConstant{Dst: bpf.RegX, Val: random.Uint32N(31)}}
		for slot := range 4 {
			list = append(list, bpf.StoreScratch{Src: bpf.RegA, N: slot})
		}
		for range 30 {
			list = append(list, []bpf.Instruction{
				bpf.ALUOpConstant{Op: operations[random.IntN(len(operations))], Val: random.Uint32N(31)},
				bpf.ALUOpX{Op: operations[random.IntN(6)]},
				bpf.JumpIf{Cond: tests[random.IntN(len(tests))], Val: random.Uint32(), SkipTrue: uint8(random.IntN(2)), SkipFalse: uint8(random.IntN(2))},
				bpf.Jump{Skip: random.Uint32N(2)},
				bpf.TAX{},
				bpf.TXA{},
				bpf.LoadScratch{Dst: bpf.RegA, N: random.IntN(4)},
				bpf.StoreScratch{Src: bpf.RegX, N: random.IntN(4)},
			}[random.IntN(8)])
		}
		list = append(list, bpf.ALUOpConstant{Op: bpf.ALUOpOr, Val: 1}, bpf.RetA{}, bpf.RetA{})
		machine, err := bpf.NewVM(list)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := bpf.Assemble(list)
		if err != nil {
			t.Fatal(err)
		}
		var program []seccomp.Instruction
		for _, in := range raw {
			program = append(program, seccomp.Instruction{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K})
		}
		want, err := machine.Run(make([]byte, 64))
		if err != nil {
			t.Fatal(err)
		}
		if got := seccomp.RunForTest(program); got != uint32(want) {
			t.Fatalf("%+v: %#x, want %#x", list, got, uint32(want))
		}
	}
	for _, program := range [][]seccomp.Instruction{nil, {{Code: 0xff}}, {{Code: 0x05, K: 1 << 31}}, {{Code: 0x34}, {Code: 0x06}}, {{Code: 0x15, Jt: 200}}} {
		if d := seccomp.NewFilters([][]seccomp.Instruction{program}).Decide(seccomp.Call{Name: "read"}); d.Allows() {
			t.Errorf("%+v: %#x", program, d)
		}
	}
}

// A program that decides by the address of the instruction, or by an argument that is not known, may forge the call.
func TestDecideByTheUnknown(t *testing.T) {
	const numberAt, pointerAt, argumentAt = 0, 8, 16
	forging := func(at uint32) [][]seccomp.Instruction {
		return [][]seccomp.Instruction{{
			{Code: 0x20, K: numberAt},
			{Code: 0x15, K: seccomp.Numbers()["setsid"], Jf: 3},
			{Code: 0x20, K: at},
			{Code: 0x15, K: 0, Jt: 1}, // as if it were 0 for those who do not know
			{Code: 0x06, K: 0x00050000},
			{Code: 0x06, K: 0x7fff0000},
		}}
	}
	for _, row := range []struct {
		at   uint32
		call seccomp.Call
		want bool
	}{
		{pointerAt, seccomp.Call{Name: "setsid"}, false},
		{pointerAt + 4, seccomp.Call{Name: "setsid"}, false},
		{argumentAt, seccomp.Call{Name: "setsid"}, true},
		{argumentAt, seccomp.Call{Name: "setsid", Unknown: 1 << 1}, true},
		{argumentAt, seccomp.Call{Name: "setsid", Unknown: 1 << 0}, false},
		{argumentAt + 8*5 + 4, seccomp.Call{Name: "setsid", Unknown: 1 << 5}, false},
		{pointerAt, seccomp.Call{Name: "getpid", Unknown: ^uint8(0)}, true},
	} {
		if d := seccomp.NewFilters(forging(row.at)).Decide(row.call); d.Allows() != row.want {
			t.Errorf("word at %d, %+v: %#x", row.at, row.call, d)
		}
	}
}
