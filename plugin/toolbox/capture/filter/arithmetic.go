package filter

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/net/bpf"
)

// value is a number that is computed of a packet. write leaves it in the register A.
type value interface {
	write(c *code)
	// needs are the conditions for the protocols that it reads.
	needs(l Link) []node
}

type (
	number    uint32
	length    struct{}
	operation struct {
		op          bpf.ALUOp
		left, right value
	}
	// part is PROTOCOL[AT:SIZE].
	part struct {
		link Link
		name string
		at   value
		size int
	}
)

func (n number) write(c *code)          { c.add(bpf.LoadConstant{Dst: bpf.RegA, Val: uint32(n)}) }
func (number) needs(Link) []node        { return nil }
func (length) write(c *code)            { c.add(bpf.LoadExtension{Num: bpf.ExtLen}) }
func (length) needs(Link) []node        { return nil }
func (b operation) needs(l Link) []node { return append(b.left.needs(l), b.right.needs(l)...) }

func (b operation) write(c *code) { pair(c, b.left, b.right); c.add(bpf.ALUOpX{Op: b.op}) }

// pair computes two values, into the registers A and X.
func pair(c *code, left, right value) {
	right.write(c)
	slot := c.slot()
	c.add(bpf.StoreScratch{Src: bpf.RegA, N: slot})
	left.write(c)
	c.add(bpf.LoadScratch{Dst: bpf.RegX, N: slot})
	c.slots--
}

func (p part) needs(l Link) []node {
	list := p.at.needs(l)
	of := protocols[p.name]
	if of.number < 0 && of.ether == 0 {
		return list
	}
	list = append(list, l.is(of))
	if of.number >= 0 && of.four {
		// Behind IPv4, as libpcap has it; behind IPv6 only what that alone has.
		list = append(list, l.kind(typeIP), l.whole())
	}
	return list
}

func (p part) write(c *code) {
	of := protocols[p.name]
	base := p.link.Payload
	switch {
	case p.name == "ether" || p.name == "link":
		base = 0
	case of.number >= 0 && !of.four:
		base += 40
	}
	p.at.write(c)
	if of.number >= 0 && of.four {
		slot := c.slot()
		c.add(bpf.StoreScratch{Src: bpf.RegA, N: slot}, bpf.LoadMemShift{Off: base}, bpf.LoadScratch{Dst: bpf.RegA, N: slot}, bpf.ALUOpX{Op: bpf.ALUOpAdd})
		c.slots--
	}
	c.add(bpf.TAX{}, bpf.LoadIndirect{Off: base, Size: p.size})
}

// relation compares two values.
type relation struct {
	left, right value
	cond        bpf.JumpTest
}

func (r relation) write(c *code, yes, no *label) {
	pair(c, r.left, r.right)
	c.branch(bpf.JumpIfX{Cond: r.cond, SkipFalse: 1}, yes, no)
}

var relations = map[string]bpf.JumpTest{
	"=": bpf.JumpEqual, "==": bpf.JumpEqual, "!=": bpf.JumpNotEqual, "<": bpf.JumpLessThan, ">": bpf.JumpGreaterThan,
	"<=": bpf.JumpLessOrEqual, ">=": bpf.JumpGreaterOrEqual,
}

// operators are the signs of arithmetic. Those that bind least are first.
var operators = []map[string]bpf.ALUOp{
	{"|": bpf.ALUOpOr, "^": bpf.ALUOpXor},
	{"&": bpf.ALUOpAnd},
	{"<<": bpf.ALUOpShiftLeft, ">>": bpf.ALUOpShiftRight},
	{"+": bpf.ALUOpAdd, "-": bpf.ALUOpSub},
	{"*": bpf.ALUOpMul, "/": bpf.ALUOpDiv, "%": bpf.ALUOpMod},
}

// relation parses VALUE RELATION VALUE.
func (p *parser) relation() (node, error) {
	left, err := p.value(0)
	if err != nil {
		return nil, err
	}
	cond, ok := relations[p.peek()]
	if !ok {
		return nil, p.unexpected()
	}
	p.next()
	right, err := p.value(0)
	if err != nil {
		return nil, err
	}
	list := all(append(left.needs(p.link), right.needs(p.link)...))
	return append(list, relation{left, right, cond}), nil
}

// value parses an expression of operators that bind at least so much.
func (p *parser) value(level int) (value, error) {
	if level == len(operators) {
		return p.operand()
	}
	left, err := p.value(level + 1)
	for err == nil {
		op, ok := operators[level][p.peek()]
		if !ok {
			return left, nil
		}
		p.next()
		var right value
		if right, err = p.value(level + 1); err == nil {
			left = operation{op, left, right}
		}
		if right == number(0) && (op == bpf.ALUOpDiv || op == bpf.ALUOpMod) {
			err = errors.New("the filter divides by zero")
		}
	}
	return nil, err
}

func (p *parser) operand() (value, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	text := p.peek()
	if n, err := strconv.ParseUint(text, 0, 32); err == nil {
		p.next()
		return number(n), nil
	}
	if n, ok := constants[text]; ok {
		p.next()
		return number(n), nil
	}
	switch {
	case text == "len":
		p.next()
		return length{}, nil
	case text == "-":
		p.next()
		of, err := p.operand()
		return operation{bpf.ALUOpSub, number(0), of}, err
	case text == "(":
		p.next()
		inner, err := p.value(0)
		if err == nil {
			err = p.expect(")")
		}
		return inner, err
	case p.after() == "[":
		return p.part()
	}
	return nil, p.unexpected()
}

// part parses PROTOCOL[AT:SIZE].
func (p *parser) part() (value, error) {
	name := p.next()
	p.next()
	if _, ok := protocols[name]; !ok {
		return nil, fmt.Errorf("the filter's %s[] is not supported here", name)
	}
	if (name == "ether" || name == "link") && !p.link.Ethernet {
		return nil, errNoEthernet
	}
	at, err := p.value(0)
	if err != nil {
		return nil, err
	}
	size := 1
	if p.peek() == ":" {
		p.next()
		if size, err = strconv.Atoi(p.peek()); err != nil || !slices.Contains([]int{1, 2, 4}, size) {
			return nil, fmt.Errorf("the filter has %s[:%s]: 1, 2 or 4 bytes can be read", name, p.peek())
		}
		p.next()
	}
	return part{link: p.link, name: name, at: at, size: size}, p.expect("]")
}
