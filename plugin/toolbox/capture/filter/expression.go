package filter

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/bpf"
)

// Names looks names up in a filter.
type Names struct {
	// Host returns the addresses of a host.
	Host func(name string) ([]net.IP, error)
	// Port returns the number of a service.
	Port func(name string) (uint16, error)
}

var errNothing = errors.New("the filter rejects all packets")

// Compile compiles an expression for packets of a link. An empty expression chooses all packets.
func Compile(expression string, link Link, names Names) (Program, error) {
	words, err := split(expression)
	if err != nil {
		return nil, err
	}
	if len(words) == 0 {
		return compile(nil)
	}
	p := &parser{words: words, link: link, names: names}
	n, err := p.expression()
	if err == nil && p.at < len(p.words) {
		err = p.unexpected()
	}
	if err != nil && p.reached > p.at {
		err = p.failed
	}
	if err != nil {
		return nil, err
	}
	if value, known := constant(n); known && !value {
		return nil, errNothing
	}
	return compile(n)
}

// parser reads an expression.
type parser struct {
	words []string
	at    int
	link  Link
	names Names
	depth int         // of what is nested
	last  *qualifiers // what a name without any has: port 80 or 443
	// Where arithmetic was given up that began best, and why.
	reached int
	failed  error
}

// qualifiers are the words in front of a name or a number.
type qualifiers struct{ protocol, direction, kind string }

func (p *parser) peek() string { return p.word(p.at) }

func (p *parser) after() string { return p.word(p.at + 1) }

func (p *parser) word(at int) string {
	if at < len(p.words) {
		return p.words[at]
	}
	return ""
}

func (p *parser) next() string {
	text := p.peek()
	p.at++
	return text
}

func (p *parser) expect(text string) error {
	if p.peek() != text {
		return p.unexpected()
	}
	p.next()
	return nil
}

func (p *parser) unexpected() error {
	if p.at >= len(p.words) {
		return errors.New("the filter is incomplete")
	}
	if unsupported[p.peek()] {
		return fmt.Errorf("the filter's %q is not supported here", p.peek())
	}
	return fmt.Errorf("the filter has an unexpected %q", p.peek())
}

// expression parses conditions that are joined by "and" and "or", which bind alike.
func (p *parser) expression() (node, error) {
	left, err := p.condition()
	for err == nil {
		join := p.peek()
		if !slices.Contains([]string{"and", "&&", "or", "||"}, join) {
			return left, nil
		}
		p.next()
		var right node
		if right, err = p.condition(); err != nil {
			break
		}
		if join == "and" || join == "&&" {
			left = all{left, right}
		} else {
			left = some{left, right}
		}
	}
	return nil, err
}

func (p *parser) condition() (node, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if p.peek() == "not" || p.peek() == "!" {
		p.next()
		n, err := p.condition()
		return never{n}, err
	}
	// Arithmetic may begin as a condition does, with a parenthesis or a protocol.
	begin := p.at
	n, err := p.relation()
	if err == nil {
		p.last = nil
		return n, nil
	}
	if p.at > p.reached {
		p.reached, p.failed = p.at, err
	}
	p.at = begin
	if p.peek() != "(" {
		return p.primitive()
	}
	p.next()
	if n, err = p.expression(); err == nil {
		err = p.expect(")")
	}
	return n, err
}

// deepest is how deep conditions and arithmetic may be nested: what begins with a parenthesis is read twice.
const deepest = 200

// deeper counts what is nested. The caller has to count down again.
func (p *parser) deeper() error {
	if p.depth >= deepest {
		return errors.New("the filter is nested too deeply")
	}
	p.depth++
	return nil
}

// primitive parses [PROTOCOL] [DIRECTION] [KIND] NAME.
func (p *parser) primitive() (node, error) {
	switch text := p.peek(); text {
	case "less", "greater":
		return p.size()
	case "broadcast", "multicast":
		p.next()
		return p.many("ether", text)
	}
	q := qualifiers{}
	if _, ok := protocols[p.peek()]; ok {
		q.protocol = p.next()
	}
	if text := p.peek(); q.protocol != "" && (text == "broadcast" || text == "multicast") {
		p.next()
		return p.many(q.protocol, text)
	}
	q.direction = p.direction()
	if slices.Contains([]string{"host", "net", "port", "portrange", "proto"}, p.peek()) {
		q.kind = p.next()
	}
	switch {
	case q == qualifiers{} && p.last != nil && p.isName():
		return p.named(*p.last)
	case q.direction == "" && q.kind == "" && q.protocol != "" && !p.isName():
		if q.protocol == "ether" || q.protocol == "link" {
			return nil, p.unexpected()
		}
		p.last = &q
		return p.link.is(protocols[q.protocol]), nil
	case q.kind == "":
		q.kind = "host"
	}
	p.last = &q
	if p.peek() == "(" { // port (80 or 443)
		p.next()
		n, err := p.expression()
		if err == nil {
			err = p.expect(")")
		}
		return n, err
	}
	return p.named(q)
}

// direction parses src, dst, "src or dst" and "src and dst".
func (p *parser) direction() string {
	one := p.peek()
	if one != "src" && one != "dst" {
		return ""
	}
	p.next()
	join, other := p.peek(), p.after()
	if (other == "src" || other == "dst") && other != one && (join == "or" || join == "and") {
		p.at += 2
		return join
	}
	return one
}

// isName reports whether the next word is a name or a number.
func (p *parser) isName() bool {
	text := p.peek()
	if text == "" || reserved[text] || unsupported[text] {
		return false
	}
	_, isProtocol := protocols[text]
	return !isProtocol && sign.FindString(text) != text
}

// size parses "less N" and "greater N".
func (p *parser) size() (node, error) {
	cond := relations[map[string]string{"less": "<=", "greater": ">="}[p.next()]]
	n, err := strconv.ParseUint(p.peek(), 0, 32)
	if err != nil {
		return nil, p.unexpected()
	}
	p.next()
	return relation{length{}, number(n), cond}, nil
}

// many is the condition for packets to many hosts.
func (p *parser) many(protocol, kind string) (node, error) {
	switch {
	case protocol == "ip" && kind == "multicast":
		return all{p.link.kind(typeIP), test{[]bpf.Instruction{bpf.LoadAbsolute{Off: p.link.Payload + 16, Size: 1}}, bpf.JumpGreaterOrEqual, 0xe0}}, nil
	case protocol == "ip6" && kind == "multicast":
		return all{p.link.kind(typeIP6), equal(p.link.Payload+24, 1, 0xff, 0xff)}, nil
	case protocol != "ether" && protocol != "link":
		return nil, fmt.Errorf("the filter's %q is not supported here", protocol+" "+kind)
	case !p.link.Ethernet:
		return nil, errNoEthernet
	case kind == "multicast":
		return equal(0, 1, 1, 1), nil
	}
	return p.link.station("dst", net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
}

// named parses a name or a number with these qualifiers.
func (p *parser) named(q qualifiers) (node, error) {
	if !p.isName() && q.kind != "proto" {
		return nil, p.unexpected()
	}
	switch q.kind {
	case "port", "portrange":
		return p.port(q)
	case "proto":
		return p.number(q)
	}
	return p.place(q)
}

// port parses a port, or a range of ports.
func (p *parser) port(q qualifiers) (node, error) {
	of := []protocol{protocols["tcp"], protocols["udp"], protocols["sctp"]}
	if q.protocol != "" {
		one := protocols[q.protocol]
		if one.number < 0 || !one.four || !one.six {
			return nil, fmt.Errorf("%s has no ports", q.protocol)
		}
		of = []protocol{one}
	}
	text := p.next()
	first, last := text, text
	if from, to, ok := strings.Cut(text, "-"); ok && q.kind == "portrange" {
		first, last = from, to
	}
	low, err := p.names.port(first)
	if err != nil {
		return nil, err
	}
	high, err := p.names.port(last)
	if err != nil {
		return nil, err
	}
	return p.link.ports(q.direction, of, min(low, high), max(low, high)), nil
}

func (n Names) port(text string) (uint16, error) {
	if number, err := strconv.ParseUint(text, 10, 16); err == nil {
		return uint16(number), nil
	}
	if n.Port == nil || strings.Trim(text, "0123456789") == "" {
		return 0, fmt.Errorf("port %q is invalid", text)
	}
	return n.Port(text)
}

// number parses the protocol of "ip proto NAME".
func (p *parser) number(q qualifiers) (node, error) {
	text := strings.TrimPrefix(p.next(), `\`)
	of, known := protocols[text]
	n, err := strconv.ParseUint(text, 0, 16)
	switch {
	case q.protocol == "ether" && known && of.ether != 0:
		return p.link.kind(of.ether), nil
	case q.protocol == "ether" && err == nil:
		return p.link.kind(uint32(n)), nil
	case err == nil && n < 256:
		of = protocol{number: int(n)}
	case !known || of.number < 0:
		return nil, fmt.Errorf("protocol %q is unknown", text)
	}
	of.four, of.six = q.protocol != "ip6", q.protocol != "ip"
	return p.link.is(of), nil
}
