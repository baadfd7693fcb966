package network

import (
	"fmt"
	"strings"
)

// socketFilter is a filter of ss: one of several lists of conditions, all of which a socket must meet.
type socketFilter [][]func(*socket) bool

// newSocketFilter parses "state STATE", "sport = :PORT", "dport != :PORT", "src ADDRESS[:PORT]" and "dst ADDRESS[:PORT]",
// joined by "and" or "or". Parentheses may be around all of it only.
func newSocketFilter(args []string) (filter socketFilter, anyState bool, err error) {
	text := strings.NewReplacer("!=", " != ", "==", " = ", "=", " = ").Replace(strings.Join(args, " "))
	text = strings.ReplaceAll(text, "!  = ", "!= ")
	words := strings.Fields(text)
	if len(words) > 1 && words[0] == "(" && words[len(words)-1] == ")" {
		words = words[1 : len(words)-1]
	}
	filter = socketFilter{nil}
	for len(words) > 0 {
		last := len(filter) - 1
		switch words[0] {
		case "and", "&&":
			words = words[1:]
			continue
		case "or", "||":
			filter, words = append(filter, nil), words[1:]
			continue
		}
		anyState = anyState || words[0] == "state"
		var condition func(*socket) bool
		if condition, words, err = socketCondition(words); err != nil {
			return nil, false, err
		}
		filter[last] = append(filter[last], condition)
	}
	return filter, anyState, nil
}

// socketCondition parses one condition, and returns the words after it.
func socketCondition(words []string) (func(*socket) bool, []string, error) {
	subject, words, negated := words[0], words[1:], false
	if len(words) > 1 {
		switch words[0] {
		case "=", "eq":
			words = words[1:]
		case "!=", "ne", "neq":
			words, negated = words[1:], true
		}
	}
	if len(words) == 0 {
		return nil, nil, fmt.Errorf("the filter's %q needs a value", subject)
	}
	value, rest := words[0], words[1:]
	var meets func(*socket) bool
	switch subject {
	case "state":
		state := strings.ToUpper(value)
		if long, ok := map[string]string{"ESTABLISHED": "ESTAB", "LISTENING": "LISTEN"}[state]; ok {
			state = long
		}
		meets = func(k *socket) bool { return k.state == state }
	case "sport", "dport":
		port := value[strings.LastIndexByte(value, ':')+1:]
		meets = func(k *socket) bool {
			return (subject == "sport" && k.localPort == port) || (subject == "dport" && k.peer2 == port)
		}
	case "src", "dst":
		address, port := splitAddress(value)
		meets = func(k *socket) bool {
			ip, itsPort := k.local, k.localPort
			if subject == "dst" {
				ip, itsPort = k.peer, k.peer2
			}
			return (address == "" || strings.Trim(ip, "[]") == address) && (port == "" || itsPort == port)
		}
	default:
		return nil, nil, fmt.Errorf("unknown word %q in the filter: state, sport, dport, src, dst, and, or", subject)
	}
	return func(k *socket) bool { return meets(k) != negated }, rest, nil
}

// splitAddress splits ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT or :PORT.
func splitAddress(text string) (address, port string) {
	if rest, ok := strings.CutPrefix(text, "["); ok {
		address, port, _ = strings.Cut(rest, "]")
		return address, strings.TrimPrefix(port, ":")
	}
	if strings.Count(text, ":") > 1 {
		return text, ""
	}
	address, port, _ = strings.Cut(text, ":")
	return strings.TrimSuffix(address, "*"), port
}

func (f socketFilter) meets(k *socket) bool {
	for _, conditions := range f {
		all := true
		for _, meets := range conditions {
			all = all && meets(k)
		}
		if all {
			return true
		}
	}
	return false
}
