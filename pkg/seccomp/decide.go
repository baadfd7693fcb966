package seccomp

// Call is a system call of this kernel's native ABI, as a filter sees it.
type Call struct {
	Name      string // as in a profile
	Arguments [6]uint64
	// Unknown has bit N for argument N if its value is not known, such as a pointer.
	Unknown uint8
}

// Decision is the result of filters for a call, SECCOMP_RET_….
type Decision uint32

// Allows reports whether the call is executed. A call left to a tracer is not, since there is no tracer.
func (d Decision) Allows() bool { return action(d).strictness() >= logged.strictness() }

// Refuses reports whether the call only fails, with this errno.
func (d Decision) Refuses(number uint16) bool {
	return action(d)&^0xffff == errno && uint16(d) == number //nolint:gosec // the low half
}

// Filters are the seccomp filters of a process.
type Filters struct {
	programs [][]Instruction
	own      abi               // this kernel's native one
	numbers  map[string]uint32 // of calls, by name
}

// NewFilters returns the filters with these programs.
func NewFilters(programs [][]Instruction) *Filters {
	f := &Filters{programs: programs}
	if known := abis(); len(known) > 0 && len(programs) > 0 {
		f.own, f.numbers = known[0], make(map[string]uint32, 512)
		f.own.each(func(number uint32, name string) { f.numbers[name] = number })
	}
	return f
}

// Decide runs the filters on a call like the kernel: the strictest result counts. It allows unknown calls, and refuses
// those that a program decides about by something unknown: the address of the instruction, or an unknown argument. It
// refuses a call, too, if it cannot interpret a program, since the kernel accepts none like that.
func (f *Filters) Decide(c Call) Decision {
	strictest := allow
	number, ok := f.numbers[c.Name]
	if !ok {
		return Decision(strictest)
	}
	for _, program := range f.programs {
		a, ok := run(program, func(at uint32) (uint32, bool) { return c.word(at, number, &f.own) })
		if !ok {
			a = killThread
		}
		if a.strictness() < strictest.strictness() {
			strictest = a
		}
	}
	return Decision(strictest)
}

// word returns a word of struct seccomp_data; false if it is not known.
func (c *Call) word(at, number uint32, a *abi) (uint32, bool) {
	switch {
	case at == ofNumber:
		return number, true
	case at == ofABI:
		return a.audit, true
	case at < ofArguments || at >= ofArguments+8*uint32(len(c.Arguments)):
		return 0, false // instruction_pointer
	}
	i := (at - ofArguments) / 8
	argument := c.Arguments[i]
	if high := at%8 != 0; high != a.big {
		argument >>= 32
	}
	return uint32(argument), c.Unknown>>i&1 == 0 //nolint:gosec // the half
}

// dataSize is the size of struct seccomp_data, in bytes.
const dataSize = 64

// run interprets a classic BPF program, with the instructions that the kernel's seccomp_check_filter
// accepts; false for others, and if it loads a word that is not known.
func run(program []Instruction, word func(at uint32) (uint32, bool)) (answer action, ok bool) {
	var a, x uint32
	var memory [16]uint32
	for at := 0; at < len(program); at++ {
		in := program[at]
		operand := in.K
		const byX = 0x08
		if in.Code&byX != 0 {
			operand = x
		}
		switch in.Code {
		case load:
			var known bool
			if a, known = word(in.K); !known {
				return 0, false
			}
		case 0x80:
			a = dataSize
		case 0x81:
			x = dataSize
		case 0x00:
			a = in.K
		case 0x01:
			x = in.K
		case 0x60:
			a = memory[in.K%16]
		case 0x61:
			x = memory[in.K%16]
		case 0x02:
			memory[in.K%16] = a
		case 0x03:
			memory[in.K%16] = x
		case 0x07:
			x = a
		case 0x87:
			a = x
		case 0x84:
			a = -a
		case jump:
			at += int(in.K)
		case returned:
			return action(in.K), true
		case 0x16:
			return action(a), true
		default:
			var fine bool
			switch in.Code & 0x07 {
			case 0x04:
				a, fine = calculate(in.Code&0xf0, a, operand)
			case 0x05:
				var yes bool
				if yes, fine = compare(in.Code&0xf0, a, operand); yes {
					at += int(in.Jt)
				} else {
					at += int(in.Jf)
				}
			}
			if !fine {
				return 0, false
			}
		}
	}
	return 0, false
}

// calculate applies an arithmetic operation of linux/bpf_common.h: BPF_ADD and so on.
func calculate(operation uint16, a, operand uint32) (result uint32, ok bool) {
	switch operation {
	case 0x00:
		return a + operand, true
	case 0x10:
		return a - operand, true
	case 0x20:
		return a * operand, true
	case 0x30:
		if operand == 0 {
			return 0, false
		}
		return a / operand, true
	case 0x40:
		return a | operand, true
	case 0x50:
		return a & operand, true
	case 0x60:
		return a << (operand & 31), true
	case 0x70:
		return a >> (operand & 31), true
	case 0xa0:
		return a ^ operand, true
	}
	return 0, false
}

// compare applies a jump condition of linux/bpf_common.h: BPF_JEQ and so on.
func compare(operation uint16, a, operand uint32) (yes, ok bool) {
	switch operation {
	case 0x10:
		return a == operand, true
	case 0x20:
		return a > operand, true
	case 0x30:
		return a >= operand, true
	case 0x40:
		return a&operand != 0, true
	}
	return false, false
}
