//go:build linux && libseccomp

package seccomp_test

import (
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp/seccomptest"
)

// calls returns all numbers of all ABIs, and calls with arguments close to the values in conditions.
func (p profile) calls(known []seccomp.ABI) (calls []seccomptest.Call) {
	conditions := make(map[string][][]condition)
	p.each(func(_ entry, name string, all []condition) {
		if len(all) > 0 {
			conditions[name] = append(conditions[name], all)
		}
	})
	for _, a := range known {
		const x32, arm, most = 0x40000000, 0xf0000, 640
		for n := range uint32(most) {
			calls = append(calls, seccomptest.Call{Number: n, ABI: a.Audit()}, seccomptest.Call{Number: n | x32, ABI: a.Audit()},
				seccomptest.Call{Number: n, ABI: a.Audit(), Arguments: [6]uint64{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}})
		}
		for n := range uint32(16) {
			calls = append(calls, seccomptest.Call{Number: arm + n, ABI: a.Audit()})
		}
		for _, n := range []uint32{x32 - 1, 1 << 31, 1<<31 - 1, ^uint32(0), ^uint32(0) - 1} {
			calls = append(calls, seccomptest.Call{Number: n, ABI: a.Audit()})
		}
		calls = append(calls, conditional(a, conditions)...)
	}
	const other = 0x8000_0014 // AUDIT_ARCH_PPC
	return append(calls, seccomptest.Call{ABI: other}, seccomptest.Call{ABI: unix.AUDIT_ARCH_MIPS, Number: 3})
}

// conditional returns calls of an ABI whose arguments matter.
func conditional(a seccomp.ABI, conditions map[string][][]condition) (calls []seccomptest.Call) {
	a.Each(func(number uint32, name string) {
		for _, all := range conditions[name] {
			for _, arguments := range around(all) {
				calls = append(calls, seccomptest.Call{Number: number, ABI: a.Audit(), Arguments: arguments})
			}
		}
		if name == "socketcall" || name == "ipc" {
			for n := range uint64(32) {
				calls = append(calls, seccomptest.Call{Number: number, ABI: a.Audit(), Arguments: [6]uint64{n}})
			}
		}
	})
	return calls
}

// around returns arguments that meet the conditions, and arguments that just miss one of them.
func around(all []condition) (list [][6]uint64) {
	var met [6]uint64
	for _, c := range all {
		met[c.Index] = satisfying(c)
	}
	for _, start := range [][6]uint64{{}, met} {
		list = append(list, start)
		for _, c := range all {
			v, two := c.Value, c.ValueTwo
			for _, near := range []uint64{
				v, v - 1, v + 1, v ^ 1<<31, v ^ 1<<32, v ^ 1<<40, v ^ 1<<63, v + 1<<32, v - 1<<32, ^v, v & 0xffffffff, v &^ 0xffffffff,
				two, ^two, two | ^v, two ^ 1, two ^ 1<<32, 0, 1, ^uint64(0), 1 << 32, 0xffffffff,
			} {
				one := start
				one[c.Index] = near
				list = append(list, one)
			}
		}
	}
	return list
}

// satisfying returns a value that meets a condition, if there is one.
func satisfying(c condition) uint64 {
	switch c.Op {
	case "SCMP_CMP_NE", "SCMP_CMP_GT":
		return c.Value + 1
	case "SCMP_CMP_LT":
		return c.Value - 1
	case "SCMP_CMP_MASKED_EQ":
		return c.ValueTwo
	}
	return c.Value
}
