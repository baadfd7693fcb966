package filter

import (
	"slices"

	"golang.org/x/net/bpf"
)

// Matcher runs a program here, for packets that the kernel has not chosen. If it is nil, all are chosen.
type Matcher struct {
	program Program
	vm      *bpf.VM
	length  int // that vm was made for, or -1 if the program does not ask for it
}

// NewMatcher returns a matcher for a program.
func NewMatcher(program Program) (*Matcher, error) {
	vm, err := bpf.NewVM(program)
	m := &Matcher{program: program, vm: vm, length: -1}
	if slices.ContainsFunc(program, asksLength) {
		m.length = 0
		return m, m.prepare(0)
	}
	return m, err
}

func asksLength(one bpf.Instruction) bool { return one == bpf.LoadExtension{Num: bpf.ExtLen} }

// prepare makes the program for packets of a length, since for bpf.VM it is that of the data.
func (m *Matcher) prepare(length int) (err error) {
	program := slices.Clone(m.program)
	for i, one := range program {
		if asksLength(one) {
			program[i] = bpf.LoadConstant{Dst: bpf.RegA, Val: uint32(length)}
		}
	}
	m.vm, err = bpf.NewVM(program)
	m.length = length
	return err
}

// Chooses reports whether the program chooses a packet. length is how long it was before it was shortened to data.
func (m *Matcher) Chooses(data []byte, length int) bool {
	if m == nil {
		return true
	}
	if m.length >= 0 && m.length != length {
		if m.prepare(length) != nil {
			return false
		}
	}
	n, err := m.vm.Run(data)
	return err == nil && n != 0
}

// Behind returns the same program for packets without the header of their link, of which the kernel knows the type. It
// returns the program itself and false if that reads what is lost.
func (p Program) Behind(l Link) (Program, bool) {
	out := slices.Clone(p)
	for i, one := range p {
		ok := true
		switch one := one.(type) {
		case bpf.LoadAbsolute:
			if int(one.Off) == l.Type && one.Size == 2 {
				out[i] = bpf.LoadExtension{Num: bpf.ExtProto}
				continue
			}
			ok = one.Off >= l.Payload
			one.Off -= l.Payload
			out[i] = one
		case bpf.LoadIndirect:
			ok = one.Off >= l.Payload
			one.Off -= l.Payload
			out[i] = one
		case bpf.LoadMemShift:
			ok = one.Off >= l.Payload
			one.Off -= l.Payload
			out[i] = one
		case bpf.LoadExtension: // the length
			ok = false
		}
		if !ok {
			return p, false
		}
	}
	return out, true
}
