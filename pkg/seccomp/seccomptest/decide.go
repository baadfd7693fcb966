// Package seccomptest runs seccomp filters in tests.
package seccomptest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"golang.org/x/net/bpf"

	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

// Call is what a filter decides about: struct seccomp_data of linux/seccomp.h without the instruction
// pointer.
type Call struct {
	Number    uint32
	ABI       uint32 // AUDIT_ARCH_…
	Arguments [6]uint64
}

func (c Call) String() string {
	return fmt.Sprintf("call %#x of %#x, %x", c.Number, c.ABI, c.Arguments)
}

// Decider returns a function that runs a filter on a call and returns SECCOMP_RET_… with its data. big says
// that the high half of an argument comes first. It fails if program is not valid.
func Decider(program []seccomp.Instruction, big bool) (func(Call) uint32, error) {
	raw := make([]bpf.RawInstruction, len(program))
	for i, in := range program {
		raw[i] = bpf.RawInstruction{Op: in.Code, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	instructions, all := bpf.Disassemble(raw)
	if !all {
		return nil, fmt.Errorf("not all of %+v are instructions", program)
	}
	machine, err := bpf.NewVM(instructions)
	if err != nil {
		return nil, err
	}
	return func(c Call) uint32 {
		// The VM loads words of a packet, which are big-endian.
		data := binary.BigEndian.AppendUint32(nil, c.Number)
		data = binary.BigEndian.AppendUint32(data, c.ABI)
		data = append(data, make([]byte, 8)...)
		for _, a := range c.Arguments {
			words := []uint32{uint32(a), uint32(a >> 32)} //nolint:gosec // the halves
			if big {
				slices.Reverse(words)
			}
			for _, w := range words {
				data = binary.BigEndian.AppendUint32(data, w)
			}
		}
		got, err := machine.Run(data)
		if err != nil {
			panic(err) // only for instructions that NewVM refuses
		}
		return uint32(got) //nolint:gosec // it was a uint32
	}, nil
}

// Calls returns calls about which a filter for the profile could be wrong: all numbers of each ABI, of all
// kernels, with arguments close to the values in the profile's conditions.
func Calls(p *seccomp.Profile) ([]Call, error) {
	var entries []entry
	if err := json.Unmarshal(p.Syscalls, &entries); err != nil {
		return nil, err
	}
	arguments := arguments(entries)
	const x32, arm, most = 0x40000000, 0xf0000, 640
	var calls []Call
	for _, abi := range []uint32{0xc000003e, 0x40000003, 0xc00000b7, 0x40000028, 0xc0000015, 0xc00000f3, 0x80000016} {
		for n := range uint32(most) {
			for _, a := range arguments {
				calls = append(calls, Call{n, abi, a})
			}
			calls = append(calls, Call{Number: n | arm, ABI: abi})
			for _, a := range arguments[:min(len(arguments), 40)] {
				calls = append(calls, Call{n | x32, abi, a})
			}
		}
		for _, n := range []uint32{x32 - 1, 1 << 31, ^uint32(0), ^uint32(0) - 1} {
			calls = append(calls, Call{Number: n, ABI: abi})
		}
	}
	return calls, nil
}

type entry struct {
	Args []struct {
		Index           uint
		Value, ValueTwo uint64
	}
}

// arguments returns arguments close to the values in the conditions of entries.
func arguments(entries []entry) [][6]uint64 {
	list := [][6]uint64{{}}
	for _, e := range entries {
		var all [6]uint64
		for _, a := range e.Args {
			values := []uint64{a.Value, a.Value - 1, a.Value + 1, a.Value ^ 1<<40, a.Value ^ 1<<63, ^a.Value, a.ValueTwo, ^a.ValueTwo, a.ValueTwo | ^a.Value}
			for bit := 0; bit < 64; bit += 3 {
				values = append(values, 1<<bit)
			}
			for _, v := range values {
				one := all
				one[a.Index] = v
				list = append(list, one)
			}
			all[a.Index] = a.Value
		}
		list = append(list, all)
	}
	slices.SortFunc(list, func(a, b [6]uint64) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(list)
}
