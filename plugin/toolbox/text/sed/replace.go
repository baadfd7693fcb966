package sed

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

func (s *sed) substitute(c *sedCommand, last **regexp.Regexp) {
	re := c.re
	if re == nil {
		if re = *last; re == nil {
			return
		}
	}
	*last = re
	var out strings.Builder
	end, n := 0, 0
	for _, match := range re.FindAllStringSubmatchIndex(s.pattern, -1) {
		n++
		if n < c.nth || n > c.nth && !c.global {
			continue
		}
		out.WriteString(s.pattern[end:match[0]])
		expand(&out, c.with, s.pattern, match)
		end = match[1]
	}
	if n < c.nth {
		return
	}
	out.WriteString(s.pattern[end:])
	s.pattern, s.replaced = out.String(), true
	if c.print {
		s.print(s.pattern, s.ended)
	}
	if c.write != "" {
		s.writeFile(c.write, s.pattern)
	}
}

// expand writes a replacement.
func expand(out *strings.Builder, parts []sedPart, text string, match []int) {
	fold, once := byte('E'), byte(0)
	for _, part := range parts {
		switch {
		case part.fold == 'u' || part.fold == 'l':
			once = part.fold
			continue
		case part.fold != 0:
			fold = part.fold
			continue
		}
		piece := part.text
		if part.group >= 0 {
			piece = ""
			if at := match[2*part.group]; at >= 0 {
				piece = text[at:match[2*part.group+1]]
			}
		}
		switch fold {
		case 'U':
			piece = strings.ToUpper(piece)
		case 'L':
			piece = strings.ToLower(piece)
		}
		if once != 0 && piece != "" {
			runes := []rune(piece)
			if once == 'u' {
				runes[0] = unicode.ToUpper(runes[0])
			} else {
				runes[0] = unicode.ToLower(runes[0])
			}
			piece, once = string(runes), 0
		}
		out.WriteString(piece)
	}
}

// visible writes a line as l does.
func visible(text string) string {
	var out strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\\':
			out.WriteString(`\\`)
		case c == '\n':
			out.WriteString(`\n`)
		case c == '\t':
			out.WriteString(`\t`)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&out, `\%03o`, c)
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}
