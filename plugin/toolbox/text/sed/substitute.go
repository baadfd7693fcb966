package sed

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/regex"
)

func (p *sedParser) substitution(c *sedCommand) error {
	if p.script == "" {
		return errors.New("s needs an expression")
	}
	delimiter := p.script[0]
	p.script = p.script[1:]
	pattern, err := p.until(delimiter, true)
	if err != nil {
		return err
	}
	with, err := p.until(delimiter, false)
	if err != nil {
		return err
	}
	c.with = replacement(with)
	c.nth = 1
	fold, multiline := false, false
	for p.script != "" {
		switch flag := p.script[0]; {
		case flag == 'g':
			c.global = true
		case flag == 'p':
			c.print = true
		case flag == 'i' || flag == 'I':
			fold = true
		case flag == 'm' || flag == 'M':
			multiline = true
		case flag >= '1' && flag <= '9':
			c.nth = p.number()
			continue
		case flag == 'w':
			p.script = p.script[1:]
			c.write = strings.TrimSpace(p.line())
			continue
		default:
			if err := p.end('s'); err != nil {
				return err
			}
			return p.expression(c, pattern, fold, multiline)
		}
		p.script = p.script[1:]
	}
	return p.expression(c, pattern, fold, multiline)
}

func (p *sedParser) expression(c *sedCommand, pattern string, fold, multiline bool) error {
	if pattern == "" {
		return nil
	}
	re, err := regex.Compile(pattern, p.extended, fold)
	if err == nil && multiline {
		re, err = regexp.Compile("(?m)" + re.String())
	}
	if err != nil {
		return err
	}
	for _, part := range c.with {
		if part.group > re.NumSubexp() {
			return fmt.Errorf("there is no group %d in %q", part.group, pattern)
		}
	}
	c.re = re
	return nil
}

// replacement parses the second part of s.
func replacement(text string) []sedPart {
	var parts []sedPart
	var plain strings.Builder
	flush := func() {
		if plain.Len() > 0 {
			parts = append(parts, sedPart{text: plain.String(), group: -1})
			plain.Reset()
		}
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '&':
			flush()
			parts = append(parts, sedPart{group: 0})
		case c == '\\' && i+1 < len(text):
			i++
			switch c = text[i]; {
			case c >= '0' && c <= '9':
				flush()
				parts = append(parts, sedPart{group: int(c - '0')})
			case strings.IndexByte("ULulE", c) >= 0:
				flush()
				parts = append(parts, sedPart{group: -1, fold: c})
			case c == 'n':
				plain.WriteByte('\n')
			case c == 't':
				plain.WriteByte('\t')
			case c == 'r':
				plain.WriteByte('\r')
			default:
				plain.WriteByte(c)
			}
		default:
			plain.WriteByte(c)
		}
	}
	flush()
	return parts
}

func (p *sedParser) transliteration(c *sedCommand) error {
	if p.script == "" {
		return errors.New("y needs two sets")
	}
	delimiter := p.script[0]
	p.script = p.script[1:]
	from, err := p.until(delimiter, false)
	if err != nil {
		return err
	}
	to, err := p.until(delimiter, false)
	if err != nil {
		return err
	}
	unescape := strings.NewReplacer(`\n`, "\n", `\\`, `\`, `\t`, "\t")
	a, b := []rune(unescape.Replace(from)), []rune(unescape.Replace(to))
	if len(a) != len(b) {
		return errors.New("the sets of y have different lengths")
	}
	c.to2 = make(map[rune]rune)
	for i := range a {
		c.to2[a[i]] = b[i]
	}
	return p.end('y')
}
