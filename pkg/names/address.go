package names

import (
	"strconv"
	"strings"
)

// Package net/netip would make the helper 90 KB larger, and package net more.

// address is an IP address of version 6, or one of version 4 that is mapped to it.
type address [16]byte

// parseAddress parses an IP address, which may have a zone, such as fe80::1%eth0.
func parseAddress(s string) (a address, ok bool) {
	s, zone, zoned := strings.Cut(s, "%")
	if !strings.Contains(s, ":") {
		a[10], a[11] = 0xff, 0xff
		return a, !zoned && parse4(s, a[12:])
	}
	if zoned && !ValidName(zone) {
		return a, false
	}
	before, after, shortened := strings.Cut(s, "::")
	head, okHead := groups(before, !shortened)
	tail, okTail := groups(after, true)
	switch {
	case !okHead || !okTail || len(head)+len(tail) > len(a):
		return a, false
	case shortened == (len(head)+len(tail) == len(a)):
		return a, false // :: stands for at least one group
	}
	copy(a[:], head)
	copy(a[len(a)-len(tail):], tail)
	return a, true
}

// groups parses groups of hexadecimal digits between colons. If last is true, the last one may be an address of
// version 4.
func groups(s string, last bool) (bytes []byte, ok bool) {
	if s == "" {
		return nil, true
	}
	words := strings.Split(s, ":")
	for i, word := range words {
		if last && i == len(words)-1 && strings.Contains(word, ".") {
			var v4 [4]byte
			if !parse4(word, v4[:]) {
				return nil, false
			}
			return append(bytes, v4[:]...), true
		}
		const digits = 4
		n, err := strconv.ParseUint(word, 16, 16)
		if err != nil || len(word) > digits {
			return nil, false
		}
		bytes = append(bytes, byte(n>>8), byte(n)) //nolint:mnd // the two bytes of a group
	}
	return bytes, true
}

// parse4 parses an address of version 4.
func parse4(s string, into []byte) bool {
	words := strings.Split(s, ".")
	if len(words) != len(into) {
		return false
	}
	for i, word := range words {
		n, err := strconv.ParseUint(word, 10, 8)
		if err != nil || len(word) > 1 && word[0] == '0' { // which some programs read as octal
			return false
		}
		into[i] = byte(n)
	}
	return true
}

// isLoopback reports whether an address is that of a loopback interface, or of none.
func (a address) isLoopback() bool {
	v4 := a == address{10: 0xff, 11: 0xff, 12: a[12], 13: a[13], 14: a[14], 15: a[15]}
	const loopback = 127
	return v4 && (a[12] == loopback || a == address{10: 0xff, 11: 0xff}) || a == address{15: 1} || a == address{}
}

// ValidAddress reports whether s is an IP address. It may have a zone, such as fe80::1%eth0.
func ValidAddress(s string) bool {
	_, ok := parseAddress(s)
	return ok
}

func isLoopback(s string) bool {
	a, ok := parseAddress(s)
	return ok && a.isLoopback()
}
