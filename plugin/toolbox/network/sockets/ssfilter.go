package sockets

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/lookup"
)

// condition reports whether a socket meets a filter of ss.
type condition func(*socket) bool

// filterParser reads a filter of ss: "state STATE", "sport = :PORT", "dport != :PORT", "src ADDRESS[/BITS][:PORT]" and
// "dst ADDRESS[/BITS][:PORT]", joined by "and", "or" and "not", with parentheses.
type filterParser struct {
	words []string
	named int  // how many states were named
	group bool // one of them is a group of states, or excluded
}

// newFilter parses a filter. Without words, all sockets meet it. It reports whether a state is named, and whether that is the
// only one.
func newFilter(args []string) (meets condition, anyState, oneState bool, err error) {
	text := strings.NewReplacer("!=", " != ", "==", " = ", "<=", " <= ", ">=", " >= ", "(", " ( ", ")", " ) ").Replace(strings.Join(args, " "))
	for _, sign := range []string{"=", "<", ">"} {
		text = separate(text, sign)
	}
	p := &filterParser{words: strings.Fields(text)}
	if len(p.words) == 0 {
		return func(*socket) bool { return true }, false, false, nil
	}
	meets, err = p.either()
	if err == nil && len(p.words) > 0 {
		err = fmt.Errorf("unexpected %q in the filter", p.words[0])
	}
	return meets, p.named > 0, p.named == 1 && !p.group, err
}

// separate puts spaces around a sign that is not part of another one.
func separate(text, sign string) string {
	var out strings.Builder
	for i := range len(text) {
		one := text[i : i+1]
		before, after := byte(' '), byte(' ')
		if i > 0 {
			before = text[i-1]
		}
		if i+1 < len(text) {
			after = text[i+1]
		}
		if one == sign && !strings.ContainsRune("!<>=", rune(before)) && after != '=' {
			one = " " + one + " "
		}
		out.WriteString(one)
	}
	return out.String()
}

func (p *filterParser) peek() string {
	if len(p.words) == 0 {
		return ""
	}
	return p.words[0]
}

func (p *filterParser) take(words ...string) bool {
	if !slices.Contains(words, p.peek()) {
		return false
	}
	p.words = p.words[1:]
	return true
}

func (p *filterParser) either() (condition, error) {
	left, err := p.both()
	for err == nil && p.take("or", "|", "||") {
		var right condition
		if right, err = p.both(); err == nil {
			first := left
			left = func(k *socket) bool { return first(k) || right(k) }
		}
	}
	return left, err
}

func (p *filterParser) both() (condition, error) {
	left, err := p.one()
	for err == nil && p.peek() != "" && p.peek() != ")" && p.peek() != "or" && p.peek() != "|" && p.peek() != "||" {
		p.take("and", "&", "&&") // or nothing
		var right condition
		if right, err = p.one(); err == nil {
			first := left
			left = func(k *socket) bool { return first(k) && right(k) }
		}
	}
	return left, err
}

func (p *filterParser) one() (condition, error) {
	switch {
	case p.take("not", "!"):
		inner, err := p.one()
		return func(k *socket) bool { return !inner(k) }, err
	case p.take("("):
		inner, err := p.either()
		if err == nil && !p.take(")") {
			err = errors.New("a ) is missing in the filter")
		}
		return inner, err
	}
	return p.simple()
}

// simple parses one condition.
func (p *filterParser) simple() (condition, error) {
	subject := p.peek()
	if subject == "" {
		return nil, errors.New("the filter is incomplete")
	}
	p.words = p.words[1:]
	relation := "="
	for _, row := range []struct{ sign, words string }{{"=", "= eq"}, {"!=", "!= ne neq"}, {"<", "< lt"}, {">", "> gt"}, {"<=", "<= le leq"}, {">=", ">= ge geq"}} {
		if p.take(strings.Fields(row.words)...) {
			relation = row.sign
			break
		}
	}
	value := p.peek()
	if value == "" || value == ")" {
		return nil, fmt.Errorf("the filter's %q needs a value", subject)
	}
	p.words = p.words[1:]
	switch subject {
	case "state", "exclude":
		p.named++
		p.group = p.group || subject == "exclude" || stateGroups[strings.ToUpper(value)] != nil
		return stateCondition(value, subject == "exclude")
	case "sport", "dport":
		return portCondition(subject, relation, value)
	case "src", "dst":
		if relation != "=" && relation != "!=" {
			return nil, fmt.Errorf("the filter's %q cannot be compared by %s", subject, relation)
		}
		return placeCondition(subject, relation, value)
	}
	return nil, fmt.Errorf("unknown word %q in the filter: state, exclude, sport, dport, src, dst, and, or, not", subject)
}

// stateGroups are the names of several states.
var stateGroups = map[string]func(state string) bool{
	"ALL":          func(string) bool { return true },
	"CONNECTED":    func(s string) bool { return s != "LISTEN" && s != "UNCONN" },
	"SYNCHRONIZED": func(s string) bool { return s != "LISTEN" && s != "UNCONN" && s != "SYN-SENT" },
	"BUCKET":       func(s string) bool { return s == "TIME-WAIT" || s == "SYN-RECV" },
	"BIG":          func(s string) bool { return s != "TIME-WAIT" && s != "SYN-RECV" },
}

func stateCondition(value string, negated bool) (condition, error) {
	state := strings.ToUpper(value)
	if group, ok := stateGroups[state]; ok {
		return func(k *socket) bool { return group(k.state) != negated }, nil
	}
	state = cmp.Or(map[string]string{"ESTABLISHED": "ESTAB", "LISTENING": "LISTEN", "CLOSED": "UNCONN", "UNCONNECTED": "UNCONN"}[state], state)
	if !slices.Contains(states[1:], state) {
		return nil, fmt.Errorf("unknown state %q in the filter", value)
	}
	return func(k *socket) bool { return (k.state == state) != negated }, nil
}

func portCondition(subject, relation, value string) (condition, error) {
	want, err := lookup.Service(value[strings.LastIndexByte(value, ':')+1:])
	if err != nil {
		return nil, err
	}
	return func(k *socket) bool {
		text := k.localPort
		if subject == "dport" {
			text = k.peer2
		}
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil && text != "*" {
			return false
		}
		switch c := cmp.Compare(uint16(port), want); relation {
		case "=":
			return c == 0
		case "!=":
			return c != 0
		case "<":
			return c < 0
		case ">":
			return c > 0
		case "<=":
			return c <= 0
		}
		return cmp.Compare(uint16(port), want) >= 0
	}, nil
}

// placeCondition compares an address, a net or a port.
func placeCondition(subject, relation, value string) (condition, error) {
	address, port := splitAddress(value)
	var within *net.IPNet
	if address != "" {
		var err error
		if within, err = netOf(address); err != nil {
			return nil, err
		}
	}
	if port != "" && port != "*" {
		number, err := lookup.Service(port)
		if err != nil {
			return nil, err
		}
		port = strconv.Itoa(int(number))
	}
	return func(k *socket) bool {
		text, itsPort := k.local, k.localPort
		if subject == "dst" {
			text, itsPort = k.peer, k.peer2
		}
		ip := net.ParseIP(strings.Trim(text, "[]"))
		meets := (within == nil || ip != nil && within.Contains(ip)) && (port == "" || port == "*" || itsPort == port)
		return meets != (relation == "!=")
	}, nil
}

func netOf(text string) (*net.IPNet, error) {
	if _, within, err := net.ParseCIDR(text); err == nil {
		return within, nil
	}
	ip := net.ParseIP(text)
	if ip == nil {
		return nil, fmt.Errorf("%q is no address in the filter", text)
	}
	if four := ip.To4(); four != nil {
		ip = four
	}
	return &net.IPNet{IP: ip, Mask: net.CIDRMask(8*len(ip), 8*len(ip))}, nil
}

// splitAddress splits ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT or :PORT. An address may have /BITS.
func splitAddress(text string) (address, port string) {
	if rest, ok := strings.CutPrefix(text, "["); ok {
		address, port, _ = strings.Cut(rest, "]")
		if bits, ok := strings.CutPrefix(port, "/"); ok {
			bits, port, _ = strings.Cut(bits, ":")
			return address + "/" + bits, port
		}
		return address, strings.TrimPrefix(port, ":")
	}
	if strings.Count(text, ":") > 1 {
		return text, ""
	}
	address, port, _ = strings.Cut(text, ":")
	return strings.TrimSuffix(address, "*"), port
}
