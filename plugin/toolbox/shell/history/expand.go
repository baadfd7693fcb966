// Package history replaces references to earlier lines, such as !! and !$, in a line that is typed.
package history

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Expand replaces the references in a line. events are the earlier lines, the oldest first. It returns the line, whether
// anything was replaced, and whether the line is only to be shown (:p).
func Expand(line string, events []string) (expanded string, changed, show bool, err error) {
	if strings.HasPrefix(line, "^") {
		return substituted(line, events)
	}
	e := &expansion{events: events}
	for e.rest = line; e.rest != ""; {
		c := e.rest[0]
		switch {
		case c == '\\' && len(e.rest) > 1:
			e.out.WriteString(e.rest[:2])
			e.rest = e.rest[2:]
			continue
		case c == '\'' && !e.double: // nothing is replaced between single quotes
			end := strings.IndexByte(e.rest[1:], '\'')
			if end < 0 {
				end = len(e.rest) - 2
			}
			e.out.WriteString(e.rest[:end+2])
			e.rest = e.rest[end+2:]
			continue
		case c == '"':
			e.double = !e.double
		case c == '!' && e.refers():
			if err := e.reference(); err != nil {
				return "", false, false, err
			}
			continue
		}
		e.out.WriteByte(c)
		e.rest = e.rest[1:]
	}
	return e.out.String(), e.changed, e.show, nil
}

// expansion is a line whose references are replaced.
type expansion struct {
	events        []string
	out           strings.Builder
	rest          string // what is not read yet
	double        bool   // in double quotes
	changed, show bool
}

// refers reports whether the ! that the rest begins with is a reference.
func (e *expansion) refers() bool {
	if len(e.rest) == 1 {
		return false
	}
	before := e.out.String()
	switch e.rest[1] {
	case ' ', '\t', '\n', '=', '(', ';', '&', '|', '<', '>':
		return false
	case '"':
		return !e.double
	}
	// $! and ${!NAME} are variables, and [!a] is a pattern.
	return !strings.HasSuffix(before, "$") && !strings.HasSuffix(before, "${") && !strings.HasSuffix(before, "[")
}

// reference replaces the reference that the rest begins with.
func (e *expansion) reference() error {
	whole := e.rest
	e.rest = e.rest[1:]
	event, err := e.event()
	if err != nil {
		end := strings.IndexAny(whole, " \t\n")
		if end < 0 {
			end = len(whole)
		}
		return fmt.Errorf("%s: event not found", whole[:end])
	}
	text, err := e.words(event)
	if err != nil {
		return fmt.Errorf("%s: bad word specifier", whole[1:len(whole)-len(e.rest)])
	}
	if text, err = e.modified(text); err != nil {
		return err
	}
	e.changed = true
	e.out.WriteString(text)
	return nil
}

var errNotFound = errors.New("not found")

// event takes what names a line: !, N, -N, TEXT or ?TEXT?. Words alone are of the last one.
func (e *expansion) event() (string, error) {
	last := len(e.events) - 1
	at := func(i int) (string, error) {
		if i < 0 || i > last {
			return "", errNotFound
		}
		return e.events[i], nil
	}
	switch c := e.rest[0]; {
	case c == '!':
		e.rest = e.rest[1:]
		return at(last)
	case strings.IndexByte("^$*:", c) >= 0:
		return at(last)
	case c == '#':
		e.rest = e.rest[1:]
		return e.out.String(), nil
	case c == '?':
		text, rest, _ := strings.Cut(e.rest[1:], "?")
		e.rest = rest
		return e.find(func(line string) bool { return strings.Contains(line, text) })
	}
	digits := len(e.rest) - len(strings.TrimLeft(strings.TrimPrefix(e.rest, "-"), "0123456789"))
	if n, err := strconv.Atoi(e.rest[:digits]); err == nil {
		e.rest = e.rest[digits:]
		if n < 0 {
			return at(last + 1 + n)
		}
		return at(n - 1)
	}
	end := strings.IndexAny(e.rest, " \t\n:;&|()<>\"'^$*%")
	if end < 0 {
		end = len(e.rest)
	}
	text := e.rest[:end]
	e.rest = e.rest[end:]
	return e.find(func(line string) bool { return strings.HasPrefix(line, text) })
}

func (e *expansion) find(is func(string) bool) (string, error) {
	for _, line := range slices.Backward(e.events) {
		if is(line) {
			return line, nil
		}
	}
	return "", errNotFound
}

// words takes what chooses words: :N, :N-M, :N-, :N*, :^, :$, :*. The last three need no colon.
func (e *expansion) words(event string) (string, error) {
	rest, colon := strings.CutPrefix(e.rest, ":")
	if rest == "" || !colon && strings.IndexByte("^$*", rest[0]) < 0 || strings.IndexByte("0123456789^$*-", rest[0]) < 0 {
		return event, nil
	}
	list := Words(event)
	last := len(list) - 1
	if rest[0] == '*' {
		e.rest = rest[1:]
		return strings.Join(list[min(1, len(list)):], " "), nil
	}
	from, rest, ok := position(rest, last)
	if !ok && rest[0] != '-' {
		return event, nil
	}
	to := from
	switch {
	case strings.HasPrefix(rest, "*"):
		rest = rest[1:]
		to = last
	case strings.HasPrefix(rest, "-"):
		if to, rest, ok = position(rest[1:], last); !ok {
			to = last - 1
		}
	}
	e.rest = rest
	if from > to || to > last {
		return "", errNotFound
	}
	return strings.Join(list[from:to+1], " "), nil
}

// position takes the number of a word: N, ^ or $.
func position(text string, last int) (n int, rest string, ok bool) {
	switch {
	case strings.HasPrefix(text, "^"):
		return 1, text[1:], true
	case strings.HasPrefix(text, "$"):
		return last, text[1:], true
	}
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	n, err := strconv.Atoi(text[:digits])
	if err != nil {
		return 0, text, false
	}
	return n, text[digits:], true
}

// modified takes modifiers: :h, :t, :r, :e, :p, :q, :s/OLD/NEW/ and :gs/OLD/NEW/.
func (e *expansion) modified(text string) (string, error) {
	for len(e.rest) > 1 && e.rest[0] == ':' {
		global := strings.HasPrefix(e.rest, ":g") || strings.HasPrefix(e.rest, ":a")
		at := 1
		if global {
			at = 2
		}
		if at >= len(e.rest) {
			break
		}
		c := e.rest[at]
		if c == 's' && at+1 < len(e.rest) {
			parts := append(strings.SplitN(e.rest[at+2:], e.rest[at+1:at+2], 3), "", "")
			if parts[0] == "" || !strings.Contains(text, parts[0]) {
				return "", errors.New("substitution failed")
			}
			text, e.rest = replaced(text, parts[0], parts[1], global), parts[2]
			continue
		}
		if strings.IndexByte("htrepq", c) < 0 {
			return text, nil
		}
		e.show = e.show || c == 'p'
		text, e.rest = part(text, c), e.rest[at+1:]
	}
	return text, nil
}

// part returns the part of a path that a letter names, or the text in quotes for q.
func part(text string, letter byte) string {
	slash, dot := strings.LastIndexByte(text, '/'), strings.LastIndexByte(text, '.')
	switch {
	case letter == 'h' && slash > 0:
		return text[:slash]
	case letter == 't':
		return text[slash+1:]
	case letter == 'r' && dot > slash:
		return text[:dot]
	case letter == 'e' && dot > slash:
		return text[dot:]
	case letter == 'q':
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	return text
}

func replaced(text, old, with string, global bool) string {
	if global {
		return strings.ReplaceAll(text, old, with)
	}
	return strings.Replace(text, old, with, 1)
}

// substituted is ^OLD^NEW^: the last line with a text replaced.
func substituted(line string, events []string) (string, bool, bool, error) {
	old, rest, ok := strings.Cut(line[1:], "^")
	with, after, _ := strings.Cut(rest, "^")
	if !ok || len(events) == 0 || old == "" {
		return line, false, false, nil
	}
	last := events[len(events)-1]
	if !strings.Contains(last, old) {
		return "", false, false, errors.New(":s" + line + ": substitution failed")
	}
	return strings.Replace(last, old, with, 1) + after, true, false, nil
}

// Words splits a line as the shell would, without removing quotes.
func Words(line string) (list []string) {
	var word strings.Builder
	quote := byte(0)
	end := func() {
		if word.Len() > 0 {
			list = append(list, word.String())
			word.Reset()
		}
	}
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(line):
			word.WriteByte(c)
			i++
			c = line[i]
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case c == ' ' || c == '\t' || c == '\n':
			end()
			continue
		case strings.IndexByte("|&;()<>", c) >= 0:
			end()
			n := i
			for n < len(line) && line[n] == c {
				n++
			}
			list = append(list, line[i:n])
			i = n - 1
			continue
		}
		word.WriteByte(c)
	}
	end()
	return list
}
