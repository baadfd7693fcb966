// Package regex translates POSIX expressions to those of Go.
package regex

import (
	"errors"
	"regexp"
	"strings"
)

// Compile compiles a POSIX expression, basic or extended, with GNU's additions. Go's engine knows no references
// back into the match; those are refused.
func Compile(pattern string, extended, ignoreCase bool) (*regexp.Regexp, error) {
	translated, err := Translate(pattern, extended)
	if err != nil {
		return nil, err
	}
	if ignoreCase {
		translated = "(?i:" + translated + ")"
	}
	re, err := regexp.Compile("(?s)" + translated)
	if err != nil {
		return nil, err
	}
	re.Longest()
	return re, nil
}

// Translate writes a POSIX expression in Go's syntax.
func Translate(pattern string, extended bool) (string, error) {
	var out strings.Builder
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '[':
			end, err := bracket(pattern[i:], &out)
			if err != nil {
				return "", err
			}
			i += end
		case c == '\\':
			i++
			if i == len(pattern) {
				return "", errors.New("trailing backslash")
			}
			if err := escaped(pattern[i], extended, &out); err != nil {
				return "", err
			}
		case !extended && strings.IndexByte("(){}|+?", c) >= 0:
			out.WriteString(`\` + string(c))
		case !extended && c == '*' && (i == 0 || strings.HasSuffix(pattern[:i], `\(`) || strings.HasSuffix(pattern[:i], `\|`) || pattern[:i] == "^"):
			out.WriteString(`\*`)
		case !extended && c == '^' && i > 0 && !strings.HasSuffix(pattern[:i], `\(`) && !strings.HasSuffix(pattern[:i], `\|`):
			out.WriteString(`\^`)
		case !extended && c == '$' && i+1 < len(pattern) && !strings.HasPrefix(pattern[i+1:], `\)`) && !strings.HasPrefix(pattern[i+1:], `\|`):
			out.WriteString(`\$`)
		case extended && c == '{' && !interval(pattern[i:]):
			out.WriteString(`\{`)
		default:
			out.WriteByte(c)
		}
	}
	return out.String(), nil
}

// interval reports whether the text begins with a repetition such as {2,3}.
func interval(text string) bool {
	end := strings.IndexByte(text, '}')
	return end > 1 && strings.Trim(text[1:end], "0123456789,") == "" && text[1] != ','
}

// escaped writes what a character after a backslash stands for.
func escaped(c byte, extended bool, out *strings.Builder) error {
	switch {
	case c >= '1' && c <= '9':
		return errors.New(`references such as \1 in an expression are not supported`)
	case c == '<' || c == '>':
		out.WriteString(`\b`)
	case !extended && strings.IndexByte("(){}|+?", c) >= 0:
		out.WriteByte(c)
	case strings.IndexByte("wWsSbBntdD", c) >= 0:
		out.WriteString(`\` + string(c))
	case c == '`':
		out.WriteString(`\A`)
	case c == '\'':
		out.WriteString(`\z`)
	case c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80:
		out.WriteByte(c)
	default:
		out.WriteString(`\` + string(c))
	}
	return nil
}

// bracket writes the bracket expression that the text begins with, and returns the index of its last byte. A
// backslash in it is an ordinary character, except before n and t as in GNU's programs.
func bracket(text string, out *strings.Builder) (int, error) {
	i := 1
	out.WriteByte('[')
	if i < len(text) && text[i] == '^' {
		out.WriteByte('^')
		i++
	}
	for first := true; i < len(text); first = false {
		switch c := text[i]; {
		case c == ']' && !first:
			out.WriteByte(']')
			return i, nil
		case c == '[' && i+1 < len(text) && text[i+1] == ':':
			end := strings.Index(text[i:], ":]")
			if end < 0 {
				return 0, errors.New("a [: has no end")
			}
			out.WriteString(text[i : i+end+2])
			i += end + 2
			continue
		case c == '\\' && i+1 < len(text) && (text[i+1] == 'n' || text[i+1] == 't'):
			out.WriteString(text[i : i+2])
			i++
		case c == '\\' || c == '[' || c == ']' || c == '&' || c == '~':
			out.WriteString(`\` + string(c))
		default:
			out.WriteByte(c)
		}
		i++
	}
	return 0, errors.New("unmatched [")
}
