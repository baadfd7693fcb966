// Package printf has printf and echo, as programs and for the shell.
package printf

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/itchyny/timefmt-go"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Main prints a format.
func Main(args []string) int {
	if len(args) == 0 || len(args) == 1 && args[0] == "--" {
		return tool.Usage("printf", printfUsage)
	}
	return Print(tool.Stdout, os.Stderr, args)
}

const printfUsage = "usage: printf FORMAT [ARG...]"

// Print prints a format with its arguments, as the shell's builtin does: again as long as there are arguments.
func Print(stdout, stderr io.Writer, args []string) int {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(stderr, printfUsage)
		return 2 // as the builtin of bash; the program ends with 1
	}
	p := &printf{format: args[0], args: args[1:]}
	for {
		before := len(p.args)
		p.once()
		if p.stop || len(p.args) == 0 || len(p.args) == before {
			break
		}
	}
	_, _ = io.WriteString(stdout, p.out.String())
	if p.bad != "" {
		fmt.Fprintf(stderr, "printf: %s\n", p.bad)
		return 1
	}
	return 0
}

// printf is a format that is printed.
type printf struct {
	format string
	args   []string
	out    strings.Builder
	stop   bool // \c
	bad    string
}

func (p *printf) next() string {
	if len(p.args) == 0 {
		return ""
	}
	arg := p.args[0]
	p.args = p.args[1:]
	return arg
}

// once prints the format once.
func (p *printf) once() {
	for i := 0; i < len(p.format) && !p.stop; i++ {
		switch c := p.format[i]; {
		case c == '\\':
			i += p.escape(p.format[i:], false) - 1
		case c == '%' && i+1 < len(p.format):
			i += p.verb(p.format[i:]) - 1
		default:
			p.out.WriteByte(c)
		}
	}
}

// escape prints what a sequence that begins with a backslash stands for, and returns its length. In %b, octal
// digits follow a 0.
func (p *printf) escape(text string, b bool) int {
	if len(text) == 1 {
		p.out.WriteByte('\\')
		return 1
	}
	if at := strings.IndexByte(`abefnrtv\"'`, text[1]); at >= 0 {
		p.out.WriteByte("\a\b\x1b\f\n\r\t\v\\\"'"[at])
		return 2
	}
	number := func(from, most, base int) int {
		end := from
		for end < len(text) && end < from+most && strings.IndexByte("0123456789abcdefABCDEF"[:map[int]int{8: 8, 16: 22}[base]], text[end]) >= 0 {
			end++
		}
		n, _ := strconv.ParseUint(text[from:end], base, 32)
		switch {
		case end == from:
			p.out.WriteString(text[:end])
		case text[1] == 'u' || text[1] == 'U':
			p.out.WriteRune(rune(n))
		default:
			p.out.WriteByte(byte(n))
		}
		return end
	}
	switch c := text[1]; {
	case c == 'c':
		p.stop = true
		return len(text)
	case c == 'x':
		return number(2, 2, 16)
	case c == 'u':
		return number(2, 4, 16)
	case c == 'U':
		return number(2, 8, 16)
	case c == '0' && b:
		return number(2, 3, 8)
	case c >= '0' && c <= '7':
		return number(1, 3, 8)
	}
	p.out.WriteString(text[:2])
	return 2
}

// unescape replaces the escape sequences of echo -e and %b. It reports whether \c ended the text.
func unescape(text string) (out string, stopped bool) {
	p := &printf{}
	for text != "" && !p.stop {
		if text[0] == '\\' {
			text = text[p.escape(text, true):]
		} else {
			p.out.WriteByte(text[0])
			text = text[1:]
		}
	}
	return p.out.String(), p.stop
}

// verb prints an argument as a verb says, and returns the verb's length.
func (p *printf) verb(text string) int {
	if text[1] == '%' {
		p.out.WriteByte('%')
		return 2
	}
	i := 1
	spec := "%"
	for ; i < len(text) && strings.IndexByte("-+ #0123456789.*'", text[i]) >= 0; i++ {
		switch text[i] {
		case '*':
			n, _ := strconv.Atoi(p.next())
			spec += strconv.Itoa(n)
		case '\'':
		default:
			spec += text[i : i+1]
		}
	}
	for i < len(text) && strings.IndexByte("hlLjzt", text[i]) >= 0 {
		i++
	}
	if i == len(text) {
		p.bad = fmt.Sprintf("the format %q is not complete", text)
		p.stop = true
		return len(text)
	}
	switch c := text[i]; c {
	case 's':
		fmt.Fprintf(&p.out, spec+"s", p.next())
	case 'b':
		var out string
		out, p.stop = unescape(p.next())
		fmt.Fprintf(&p.out, spec+"s", out)
	case 'q':
		fmt.Fprintf(&p.out, spec+"s", quoted(p.next()))
	case '(':
		end := strings.Index(text[i:], ")T")
		if end < 0 {
			p.bad = fmt.Sprintf("the format %q is not complete", text)
			p.stop = true
			return len(text)
		}
		fmt.Fprintf(&p.out, spec+"s", p.time(text[i+1:i+end]))
		return i + end + 2
	case 'c':
		if r := []rune(p.next()); len(r) > 0 {
			fmt.Fprintf(&p.out, spec+"c", r[0])
		}
	case 'd', 'i':
		fmt.Fprintf(&p.out, spec+"d", p.integer())
	case 'u':
		fmt.Fprintf(&p.out, spec+"d", uint64(p.integer()))
	case 'o', 'x', 'X':
		fmt.Fprintf(&p.out, spec+string(c), uint64(p.integer()))
	case 'e', 'E', 'f', 'F', 'g', 'G':
		if !strings.Contains(spec, ".") && (c == 'g' || c == 'G') {
			spec += ".6"
		}
		value := p.next()
		n, err := strconv.ParseFloat(value, 64)
		if err != nil && value != "" {
			p.bad = fmt.Sprintf("%q is no number", value)
		}
		fmt.Fprintf(&p.out, spec+string(c), n)
	default:
		p.bad = fmt.Sprintf("unknown verb %%%c", c)
		p.stop = true
	}
	return i + 1
}

// time returns a time as %(FORMAT)T does: of the seconds since 1970, or now for -1, -2 and no argument.
func (p *printf) time(format string) string {
	at := time.Now()
	if len(p.args) > 0 {
		if seconds := p.integer(); seconds >= 0 {
			at = time.Unix(seconds, 0)
		}
	}
	if format == "" {
		format = "%H:%M:%S"
	}
	return timefmt.Format(at, format)
}

// quoted writes a text as a shell reads it, with backslashes.
func quoted(text string) string {
	if text == "" {
		return "''"
	}
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		var out strings.Builder
		for _, c := range []byte(text) {
			at := strings.IndexByte("\a\b\x1b\f\n\r\t\v\\'", c)
			switch {
			case at >= 0:
				out.WriteString(`\` + `abEfnrtv\'`[at:at+1])
			case c < ' ' || c == 0x7f:
				fmt.Fprintf(&out, `\%03o`, c)
			default:
				out.WriteByte(c)
			}
		}
		return "$'" + out.String() + "'"
	}
	var out strings.Builder
	for i, r := range text {
		if strings.ContainsRune(" !\"$&'()*,;<>?[\\]^`{|}", r) || i == 0 && (r == '~' || r == '#') {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}

func (p *printf) integer() int64 {
	value := p.next()
	if value == "" {
		return 0
	}
	if r := []rune(value); r[0] == '\'' || r[0] == '"' {
		if len(r) > 1 {
			return int64(r[1])
		}
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(value, "+"), 0, 64)
	if err != nil {
		if u, uErr := strconv.ParseUint(value, 0, 64); uErr == nil {
			return int64(u)
		}
		p.bad = fmt.Sprintf("%q is no number", value)
	}
	return n
}
