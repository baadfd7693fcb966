package filter

import (
	"errors"

	"golang.org/x/net/bpf"
)

// label is a place in a program that is jumped to.
type label struct{ at int }

// line is an instruction, a test with the places where it leads to, or a place.
type line struct {
	plain  bpf.Instruction
	test   bpf.Instruction // a JumpIf or JumpIfX
	yes    *label
	no     *label
	marked *label
}

// code is a program that is written.
type code struct {
	lines []line
	slots int // that are in use
	deep  bool
}

func (c *code) add(list ...bpf.Instruction) {
	for _, one := range list {
		c.lines = append(c.lines, line{plain: one})
	}
}

func (c *code) branch(test bpf.Instruction, yes, no *label) {
	c.lines = append(c.lines, line{test: test, yes: yes, no: no})
}

func (c *code) mark(at *label) { c.lines = append(c.lines, line{marked: at}) }

// slot returns a place in the filter's memory, which has 16.
func (c *code) slot() int {
	c.slots++
	if c.slots > 16 {
		c.deep = true
		return 0
	}
	return c.slots - 1
}

// most is how many instructions the kernel takes.
const most = 4096

// assemble computes the jumps. A test has three instructions, since only the jumps without a condition reach far.
func (c *code) assemble() ([]bpf.Instruction, error) {
	const size = 3
	at := 0
	for _, l := range c.lines {
		switch {
		case l.marked != nil:
			l.marked.at = at
		case l.test != nil:
			at += size
		default:
			at++
		}
	}
	if at > most || c.deep {
		return nil, errors.New("the filter is too long")
	}
	program := make([]bpf.Instruction, 0, at)
	for _, l := range c.lines {
		switch {
		case l.marked != nil:
		case l.test != nil:
			program = append(program, l.test)
			program = append(program, jump(len(program), l.yes))
			program = append(program, jump(len(program), l.no))
		default:
			program = append(program, l.plain)
		}
	}
	return program, nil
}

func jump(from int, to *label) bpf.Instruction { return bpf.Jump{Skip: uint32(to.at - from - 1)} }

// node is a condition.
type node interface {
	// write adds instructions that end at one of the places.
	write(c *code, yes, no *label)
}

type (
	all   []node
	some  []node
	never struct{ node } // not
)

func (a all) write(c *code, yes, no *label) {
	for i, one := range a {
		if i == len(a)-1 {
			one.write(c, yes, no)
			return
		}
		next := new(label)
		one.write(c, next, no)
		c.mark(next)
	}
}

func (s some) write(c *code, yes, no *label) {
	for i, one := range s {
		if i == len(s)-1 {
			one.write(c, yes, no)
			return
		}
		next := new(label)
		one.write(c, yes, next)
		c.mark(next)
	}
}

func (n never) write(c *code, yes, no *label) { n.node.write(c, no, yes) }

// truth is always met.
type truth struct{}

func (truth) write(c *code, yes, _ *label) {
	c.lines = append(c.lines, line{plain: nil, test: bpf.JumpIf{SkipFalse: 0}, yes: yes, no: yes})
}

// constant returns the value of a condition that is the same for all packets.
func constant(n node) (value, known bool) {
	switch n := n.(type) {
	case truth:
		return true, true
	case never:
		value, known = constant(n.node)
		return !value, known
	case all:
		return join(n, false)
	case some:
		return join(n, true)
	}
	return false, false
}

// join is constant for conditions of which one with the value strong decides.
func join(list []node, strong bool) (value, known bool) {
	known = true
	for _, one := range list {
		value, ok := constant(one)
		if ok && value == strong {
			return strong, true
		}
		known = known && ok
	}
	return !strong, known
}

// test loads a value and compares it.
type test struct {
	load  []bpf.Instruction
	cond  bpf.JumpTest
	value uint32
}

func (t test) write(c *code, yes, no *label) {
	c.add(t.load...)
	c.branch(bpf.JumpIf{Cond: t.cond, Val: t.value, SkipFalse: 1}, yes, no)
}

// equal is the test whether a value of the packet, after a mask, is this one.
func equal(off uint32, size int, mask, value uint32) node {
	t := test{load: []bpf.Instruction{bpf.LoadAbsolute{Off: off, Size: size}}, value: value}
	if mask != 1<<(8*size)-1 {
		t.load = append(t.load, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: mask})
	}
	return t
}

// Program is a filter that is compiled.
type Program []bpf.Instruction

// keep is what a program returns for a packet that is chosen. The kernel would cut the packet to fewer bytes, and its
// length would be lost.
const keep = 0xffffffff

// compile returns the program for a condition.
func compile(n node) (Program, error) {
	c, yes, no := &code{}, new(label), new(label)
	if n == nil {
		return Program{bpf.RetConstant{Val: keep}}, nil
	}
	n.write(c, yes, no)
	c.mark(yes)
	c.add(bpf.RetConstant{Val: keep})
	c.mark(no)
	c.add(bpf.RetConstant{})
	return c.assemble()
}
