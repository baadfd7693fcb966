package sed

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// What a cycle ends with.
const (
	sedPrint = iota
	sedDelete
	sedRestart // D: again without a new line
	sedQuit
	sedQuitSilently
)

// cycle runs the script once.
func (s *sed) cycle() int {
	var last *regexp.Regexp
	for i := 0; i < len(s.commands); i++ {
		c := s.commands[i]
		if c.name == '}' || c.name == ':' {
			continue
		}
		if s.applies(c, &last) == c.not {
			if c.name == '{' {
				i = c.jump
			}
			continue
		}
		switch c.name {
		case 'b':
			i = c.jump - 1
		case 't', 'T':
			if s.replaced == (c.name == 't') {
				i = c.jump - 1
			}
			s.replaced = false
		default:
			if end, stop := s.run(c, &last); stop {
				return end
			}
		}
	}
	return sedPrint
}

// applies reports whether a command's addresses are met.
func (s *sed) applies(c *sedCommand, last **regexp.Regexp) bool {
	if c.from == nil {
		return true
	}
	if c.to == nil {
		return s.at(c.from, last)
	}
	if !s.ranges[c] {
		zero := c.from.line == 0 && c.from.step == 0 && c.from.re == nil && !c.from.last && !c.from.empty
		if !s.at(c.from, last) && (!zero || s.n != 1) {
			return false
		}
		switch {
		case c.to.plus:
			c.endLine = s.n + c.to.line
		case c.to.line > 0:
			c.endLine = c.to.line
		case c.from.line == 0 && c.from.re == nil && !c.from.last && s.at(c.to, last): // 0,/x/ may end in the first line
			return true
		}
		s.ranges[c] = (!c.to.plus && c.to.line == 0) || c.endLine > s.n
		if c.to.last {
			s.ranges[c] = s.in.more()
		}
		return true
	}
	switch {
	case c.to.plus || c.to.line > 0:
		if s.n >= c.endLine {
			s.ranges[c] = false
		}
		return s.n <= c.endLine
	case s.at(c.to, last):
		s.ranges[c] = false
	}
	return true
}

func (s *sed) at(a *sedAddress, last **regexp.Regexp) bool {
	switch {
	case a.last:
		return !s.in.more()
	case a.re != nil:
		*last = a.re
		return a.re.MatchString(s.pattern)
	case a.empty:
		return *last != nil && (*last).MatchString(s.pattern)
	case a.step > 0:
		return s.n >= a.line && (s.n-a.line)%a.step == 0
	}
	return s.n == a.line
}

// run runs a command. It returns how the cycle ends, if it does.
func (s *sed) run(c *sedCommand, last **regexp.Regexp) (end int, stop bool) {
	switch c.name {
	case '=':
		s.write(strconv.Itoa(s.n), "\n")
	case 'a':
		s.after = append(s.after, c.text)
	case 'i':
		s.write("", c.text)
	case 'c':
		if c.to == nil || c.not || !s.ranges[c] {
			s.write("", c.text)
		}
		return sedDelete, true
	case 'd':
		return sedDelete, true
	case 'D':
		if _, rest, ok := strings.Cut(s.pattern, "\n"); ok {
			s.pattern = rest
			return sedRestart, true
		}
		return sedDelete, true
	case 'g':
		s.pattern = s.hold
	case 'G':
		s.pattern += "\n" + s.hold
	case 'h':
		s.hold = s.pattern
	case 'H':
		s.hold = s.grown(&s.held, s.hold, s.pattern)
	case 'x':
		s.pattern, s.hold = s.hold, s.pattern
	case 'z':
		s.pattern = ""
	case 'l':
		s.write(visible(s.pattern), "$\n")
	case 'n':
		if !s.in.more() {
			return sedQuit, true
		}
		if !s.quiet {
			s.print(s.pattern, s.ended)
		}
		s.read()
	case 'N':
		if !s.in.more() {
			return sedQuit, true
		}
		before := s.pattern
		s.read()
		s.pattern = s.grown(&s.joined, before, s.pattern)
	case 'p':
		s.print(s.pattern, s.ended)
	case 'P':
		first, _, _ := strings.Cut(s.pattern, "\n")
		s.print(first, true)
	case 'q', 'Q':
		s.quit, s.code = true, c.nth
		if c.name == 'Q' {
			s.after = nil
			return sedQuitSilently, true
		}
		return sedQuit, true
	case 'r':
		if text, err := os.ReadFile(c.text); err == nil {
			s.after = append(s.after, string(text))
		}
	case 'w':
		s.writeFile(c.text, s.pattern)
	case 's':
		s.substitute(c, last)
	case 'y':
		s.pattern = strings.Map(func(r rune) rune {
			if to, ok := c.to2[r]; ok {
				return to
			}
			return r
		}, s.pattern)
	}
	return 0, false
}

// grown returns a text with another line. One that b has made is not copied, so that joining all lines of a file takes no
// more time than reading them. Without enough memory, sed ends.
func (s *sed) grown(b *strings.Builder, text, line string) string {
	if b.Len() == 0 || b.String() != text {
		b.Reset()
		b.WriteString(text)
	}
	b.WriteString("\n" + line)
	if err := s.kept.Set(int64(len(s.pattern)) + int64(len(s.hold)) + int64(b.Len())); err != nil {
		tool.Complain("sed", err)
		s.status = sedWriteError
		s.in.leave()
		return text
	}
	return b.String()
}

// writeFile appends a line to a file, which a script's first w empties.
func (s *sed) writeFile(path, line string) {
	if path == "/dev/stdout" {
		s.print(line, s.ended)
		return
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if written[path] == nil {
		flags |= os.O_TRUNC
		file, err := tool.OpenFile(path, flags, 0o666)
		if err != nil {
			s.status = tool.Complain("sed", err)
			return
		}
		written[path] = file
	}
	if _, err := fmt.Fprintln(written[path], line); err != nil && s.status != sedWriteError {
		tool.Complain("sed", err)
		s.status = sedWriteError
	}
}

// sedWriteError is sed's status if a file can't be written.
const sedWriteError = 4

// written are the files of w. They are open until the program ends.
var written = make(map[string]*os.File)
