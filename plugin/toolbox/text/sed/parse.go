package sed

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// sedCommand is a command of a script.
type sedCommand struct {
	from, to *sedAddress
	not      bool
	name     byte
	text     string         // of a, i, c; a label; a file; of y
	re       *regexp.Regexp // of s; nil is the last one that was used
	with     []sedPart      // of s
	nth      int            // of s: which match
	global   bool
	print    bool
	write    string
	to2      map[rune]rune // of y
	jump     int           // the index of a label or of the matching }
	endLine  int           // of a range that is running
}

// sedAddress is a line's number, an expression, or the last line.
type sedAddress struct {
	line, step int
	plus       bool // a number of lines after the first address
	last       bool
	re         *regexp.Regexp
	empty      bool // the last expression that was used
}

// sedPart is a part of a replacement: text, or a group of the match.
type sedPart struct {
	text  string
	group int  // -1 for text
	fold  byte // U, L, u, l or E, for what comes after
}

// sedParser reads a script.
type sedParser struct {
	script   string
	extended bool
}

func parseSed(script string, extended bool) ([]*sedCommand, error) {
	p := &sedParser{script, extended}
	var commands []*sedCommand
	var open []int
	labels := make(map[string]int)
	for {
		p.script = strings.TrimLeft(p.script, " \t\n;")
		if p.script == "" {
			break
		}
		c, err := p.command()
		if err != nil {
			return nil, err
		}
		if c == nil {
			continue
		}
		switch c.name {
		case '{':
			open = append(open, len(commands))
		case '}':
			if len(open) == 0 {
				return nil, errors.New("unexpected }")
			}
			commands[open[len(open)-1]].jump = len(commands)
			open = open[:len(open)-1]
		case ':':
			labels[c.text] = len(commands)
		}
		commands = append(commands, c)
	}
	if len(open) > 0 {
		return nil, errors.New("a } is missing")
	}
	return commands, resolve(commands, labels)
}

// resolve finds out where commands jump to. Without a label it is the end.
func resolve(commands []*sedCommand, labels map[string]int) error {
	for _, c := range commands {
		if c.name != 'b' && c.name != 't' && c.name != 'T' {
			continue
		}
		c.jump = len(commands)
		if c.text != "" {
			at, ok := labels[c.text]
			if !ok {
				return fmt.Errorf("there is no label %q", c.text)
			}
			c.jump = at
		}
	}
	return nil
}

func (p *sedParser) command() (*sedCommand, error) {
	c := &sedCommand{}
	var err error
	if c.from, err = p.address(); err != nil {
		return nil, err
	}
	if c.from != nil {
		p.script = strings.TrimLeft(p.script, " \t")
		if strings.HasPrefix(p.script, ",") {
			p.script = strings.TrimLeft(p.script[1:], " \t")
			if c.to, err = p.address(); err != nil {
				return nil, err
			}
			if c.to == nil {
				return nil, errors.New("an address is missing after ,")
			}
		}
	}
	p.script = strings.TrimLeft(p.script, " \t")
	for strings.HasPrefix(p.script, "!") {
		c.not = true
		p.script = strings.TrimLeft(p.script[1:], " \t")
	}
	if p.script == "" {
		return nil, errors.New("a command is missing")
	}
	c.name = p.script[0]
	p.script = p.script[1:]
	return c, p.rest(c)
}

// rest reads what follows a command's letter.
func (p *sedParser) rest(c *sedCommand) error {
	switch c.name {
	case '#':
		p.line()
		c.name = ':' // does nothing
		c.text = "#"
		return nil
	case '{', '}', '=', 'd', 'D', 'g', 'G', 'h', 'H', 'n', 'N', 'p', 'P', 'x', 'z', 'F', 'l':
		if c.name == 'l' {
			p.number()
		}
		return p.end(c.name)
	case 'q', 'Q':
		c.nth = p.number()
		return p.end(c.name)
	case ':', 'b', 't', 'T':
		p.script = strings.TrimLeft(p.script, " \t")
		end := strings.IndexAny(p.script, ";\n}")
		if end < 0 || c.name == ':' && p.script[end] == '}' {
			end = len(p.script)
		}
		c.text = strings.TrimSpace(p.script[:end])
		p.script = p.script[end:]
		return nil
	case 'r', 'w':
		c.text = strings.TrimSpace(p.line())
		return nil
	case 'a', 'i', 'c':
		c.text = p.appended()
		return nil
	case 's':
		return p.substitution(c)
	case 'y':
		return p.transliteration(c)
	}
	return fmt.Errorf("unknown command %q", c.name)
}

// end checks that nothing follows a command.
func (p *sedParser) end(name byte) error {
	p.script = strings.TrimLeft(p.script, " \t")
	if p.script == "" || strings.IndexByte(";\n}#", p.script[0]) >= 0 || name == '{' || name == '}' {
		return nil
	}
	return fmt.Errorf("unexpected text after %c: %q", name, p.script)
}

func (p *sedParser) line() string {
	line, rest, _ := strings.Cut(p.script, "\n")
	p.script = rest
	return line
}

func (p *sedParser) number() int {
	p.script = strings.TrimLeft(p.script, " \t")
	digits := p.script[:len(p.script)-len(strings.TrimLeft(p.script, "0123456789"))]
	p.script = p.script[len(digits):]
	n, _ := strconv.Atoi(digits)
	return n
}

// appended reads the text of a, i or c: after a backslash and a newline, or in the same line.
func (p *sedParser) appended() string {
	p.script = strings.TrimLeft(p.script, " \t")
	if strings.HasPrefix(p.script, "\\") {
		p.script = strings.TrimLeft(p.script[1:], " \t")
		p.script = strings.TrimPrefix(p.script, "\n")
	}
	var out strings.Builder
	for p.script != "" {
		c := p.script[0]
		p.script = p.script[1:]
		if c == '\n' {
			break
		}
		if c == '\\' && p.script != "" {
			c = p.script[0]
			p.script = p.script[1:]
			if c == 't' {
				c = '\t'
			}
		}
		out.WriteByte(c)
	}
	return out.String() + "\n"
}

// until reads up to an unescaped delimiter. An escaped one loses its backslash.
func (p *sedParser) until(delimiter byte, brackets bool) (string, error) {
	var out strings.Builder
	for i := 0; i < len(p.script); i++ {
		c := p.script[i]
		switch {
		case c == '\\' && i+1 < len(p.script):
			i++
			out.WriteString(escape(p.script[i], delimiter))
		case brackets && c == '[':
			end := p.bracket(i)
			out.WriteString(p.script[i:end])
			i = end - 1
		case c == delimiter:
			p.script = p.script[i+1:]
			return out.String(), nil
		default:
			out.WriteByte(c)
		}
	}
	return "", fmt.Errorf("a %q is missing", delimiter)
}

// escape returns what a backslash and the byte after it become.
func escape(c, delimiter byte) string {
	if c != delimiter {
		return "\\" + string([]byte{c})
	}
	return string([]byte{c})
}

// bracket returns where a list of characters in brackets ends that begins here.
func (p *sedParser) bracket(i int) int {
	i++
	if i < len(p.script) && p.script[i] == '^' {
		i++
	}
	if i < len(p.script) && p.script[i] == ']' {
		i++
	}
	for ; i < len(p.script); i++ {
		switch {
		case p.script[i] == ']':
			return i + 1
		case p.script[i] == '[' && i+1 < len(p.script) && strings.IndexByte(":.=", p.script[i+1]) >= 0: // a class such as [:alpha:]
			if n := strings.Index(p.script[i+2:], p.script[i+1:i+2]+"]"); n >= 0 {
				i += 2 + n + 1
			}
		}
	}
	return len(p.script)
}
