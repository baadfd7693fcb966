// Package glob matches the shell's patterns with !(PATTERN), for which Go has no regular expressions.
package glob

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/pattern"
)

// Match reports whether a pattern matches all of a name. Of the modes, only those of names of files and of letters' case count.
func Match(pat, name string, mode pattern.Mode) bool {
	if mode&pattern.Filenames != 0 && mode&pattern.GlobLeadingDot == 0 && strings.HasPrefix(name, ".") && !strings.HasPrefix(strings.TrimPrefix(pat, `\`), ".") {
		return false
	}
	if mode&pattern.NoGlobCase != 0 {
		pat, name = strings.ToLower(pat), strings.ToLower(name)
	}
	return match(pat, name)
}

func match(pat, name string) bool {
	for pat != "" {
		if g, ok := cutGroup(pat); ok {
			return g.match(name)
		}
		if pat[0] == '*' {
			for at := len(name); at >= 0; at-- {
				if match(pat[1:], name[at:]) {
					return true
				}
			}
			return false
		}
		one, rest := cutOne(pat)
		_, size := utf8.DecodeRuneInString(name)
		if name == "" || !matchOne(one, name[:size]) {
			return false
		}
		pat, name = rest, name[size:]
	}
	return name == ""
}

// cutOne cuts what stands for one character off a pattern.
func cutOne(pat string) (one, rest string) {
	end := 0
	switch {
	case pat[0] == '[':
		end = bracket(pat)
	case pat[0] == '\\' && len(pat) > 1:
		_, size := utf8.DecodeRuneInString(pat[1:])
		end = 1 + size
	}
	if end == 0 {
		_, end = utf8.DecodeRuneInString(pat)
	}
	return pat[:end], pat[end:]
}

func matchOne(one, character string) bool {
	switch {
	case one == "?":
		return true
	case len(one) > 1 && one[0] == '\\':
		return one[1:] == character
	case len(one) > 1 && one[0] == '[':
		expr, err := pattern.Regexp(one, pattern.EntireString)
		if err != nil {
			return false
		}
		matched, err := regexp.MatchString(expr, character)
		return err == nil && matched
	}
	return one == character
}

// bracket returns the length of an expression such as [a-z] or [[:digit:]] at the beginning of a pattern, or 0.
func bracket(pat string) int {
	at := 1
	if at < len(pat) && (pat[at] == '!' || pat[at] == '^') {
		at++
	}
	if at < len(pat) && pat[at] == ']' {
		at++
	}
	for ; at < len(pat); at++ {
		switch {
		case pat[at] == ']':
			return at + 1
		case pat[at] == '\\':
			at++
		case strings.HasPrefix(pat[at:], "[:"):
			if end := strings.Index(pat[at:], ":]"); end > 0 {
				at += end + 1
			}
		}
	}
	return 0
}

// group is a pattern that begins with (A|B) behind one of ! ? * + @.
type group struct {
	kind         byte
	alternatives []string
	rest         string // of the pattern
}

// cutGroup takes the group at the beginning of a pattern.
func cutGroup(pat string) (group, bool) {
	if len(pat) < 2 || pat[1] != '(' || !strings.ContainsRune("!?*+@", rune(pat[0])) {
		return group{}, false
	}
	g := group{kind: pat[0]}
	depth, begin := 1, 2
	for at := begin; at < len(pat); at++ {
		switch pat[at] {
		case '\\':
			at++
		case '[':
			at += max(0, bracket(pat[at:])-1)
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				g.alternatives = append(g.alternatives, pat[begin:at])
				g.rest = pat[at+1:]
				return g, true
			}
		case '|':
			if depth == 1 {
				g.alternatives = append(g.alternatives, pat[begin:at])
				begin = at + 1
			}
		}
	}
	return group{}, false
}

// match reports whether the group and what follows it match all of a name.
func (g group) match(name string) bool {
	again := g
	switch again.kind = '*'; g.kind {
	case '?', '*':
		if match(g.rest, name) {
			return true
		}
	}
	for at := 0; at <= len(name); at++ {
		if g.one(name[:at]) == (g.kind == '!') {
			continue
		}
		if match(g.rest, name[at:]) || at > 0 && (g.kind == '*' || g.kind == '+') && again.match(name[at:]) {
			return true
		}
	}
	return false
}

// one reports whether an alternative matches a text.
func (g group) one(text string) bool {
	for _, alternative := range g.alternatives {
		if match(alternative, text) {
			return true
		}
	}
	return false
}
