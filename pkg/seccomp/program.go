package seccomp

// Instruction is struct sock_filter of linux/filter.h.
type Instruction struct {
	Code   uint16
	Jt, Jf uint8
	K      uint32
}

// MaxInstructions is BPF_MAXINSNS of linux/bpf_common.h.
const MaxInstructions = 4096

// Opcodes of linux/bpf_common.h that programs here use: loads of words at absolute offsets, and
// operations, jumps and returns with constants.
const (
	load     = 0x20
	and      = 0x54
	jump     = 0x05
	ifEqual  = 0x15
	ifAbove  = 0x25
	ifLeast  = 0x35 // greater or equal
	ifSet    = 0x45
	returned = 0x06
)

// Offsets in struct seccomp_data of linux/seccomp.h, in bytes.
const (
	ofNumber    = 0
	ofABI       = 4
	ofArguments = 16
)

// program is a filter under construction. Conditional jumps reach only 255 instructions, so they skip
// at most the next instruction, which is an unconditional jump if the target is farther.
type program []Instruction

func (p *program) put(code uint16, k uint32) { *p = append(*p, Instruction{Code: code, K: k}) }

func (p *program) ret(a action) { p.put(returned, uint32(a)) }

// unless executes the next instruction only if the comparison fails.
func (p *program) unless(code uint16, k uint32) {
	*p = append(*p, Instruction{Code: code, Jt: 1, K: k})
}

// when executes the next instruction only if the comparison holds.
func (p *program) when(code uint16, k uint32) {
	*p = append(*p, Instruction{Code: code, Jf: 1, K: k})
}

// Notifies reports whether a filter leaves calls to an agent, SECCOMP_RET_USER_NOTIF.
func Notifies(program []Instruction) bool {
	for _, in := range program {
		if in.Code == returned && action(in.K)&^0xffff == notify {
			return true
		}
	}
	return false
}

// label is a jump target whose position is not yet known. It holds the indices of the jumps to it.
type label []int

func (p *program) jump(to *label) {
	*to = append(*to, len(*p))
	p.put(jump, 0)
}

// here sets the position of a label.
func (p *program) here(l label) {
	for _, at := range l {
		(*p)[at].K = uint32(len(*p) - at - 1) //nolint:gosec // MaxInstructions
	}
}

// test jumps to no unless the condition holds.
func (p *program) test(a *abi, c condition, no *label) {
	low, high := uint32(ofArguments+8*c.index), uint32(ofArguments+8*c.index+4) //nolint:gosec // 6 arguments
	if a.big {
		low, high = high, low
	}
	part := func(offset uint32, mask uint32) {
		p.put(load, offset)
		if mask != ^uint32(0) {
			p.put(and, mask)
		}
	}
	var yes label
	lowOf := func(v uint64) uint32 { return uint32(v) } //nolint:gosec // the low half
	if a.long {
		part(high, uint32(c.mask>>32))
		k := uint32(c.value >> 32)
		switch c.op {
		case "SCMP_CMP_NE":
			p.unless(ifEqual, k)
			p.jump(&yes)
		case "SCMP_CMP_GT", "SCMP_CMP_GE":
			p.when(ifAbove, k)
			p.jump(&yes)
			p.unless(ifEqual, k)
			p.jump(no)
		case "SCMP_CMP_LT", "SCMP_CMP_LE":
			p.when(ifAbove, k)
			p.jump(no)
			p.unless(ifEqual, k)
			p.jump(&yes)
		default:
			p.unless(ifEqual, k)
			p.jump(no)
		}
	}
	part(low, lowOf(c.mask))
	k := lowOf(c.value)
	switch c.op {
	case "SCMP_CMP_NE":
		p.when(ifEqual, k)
	case "SCMP_CMP_GT":
		p.unless(ifAbove, k)
	case "SCMP_CMP_GE":
		p.unless(ifLeast, k)
	case "SCMP_CMP_LT":
		p.when(ifLeast, k)
	case "SCMP_CMP_LE":
		p.when(ifAbove, k)
	default:
		p.unless(ifEqual, k)
	}
	p.jump(no)
	p.here(yes)
}
