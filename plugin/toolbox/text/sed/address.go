package sed

import (
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/regex"
)

func (p *sedParser) address() (*sedAddress, error) {
	if p.script == "" {
		return nil, nil
	}
	a := &sedAddress{}
	switch c := p.script[0]; {
	case c >= '0' && c <= '9':
		a.line = p.number()
		if strings.HasPrefix(p.script, "~") {
			p.script = p.script[1:]
			a.step = max(1, p.number())
		}
		return a, nil
	case c == '+':
		p.script = p.script[1:]
		a.line, a.plus = p.number(), true
		return a, nil
	case c == '$':
		p.script = p.script[1:]
		a.last = true
		return a, nil
	case c == '/' || c == '\\' && len(p.script) > 1:
		delimiter := byte('/')
		if c == '\\' {
			delimiter = p.script[1]
			p.script = p.script[1:]
		}
		p.script = p.script[1:]
		text, err := p.until(delimiter, true)
		if err != nil {
			return nil, err
		}
		fold := strings.HasPrefix(p.script, "I")
		p.script = strings.TrimPrefix(p.script, "I")
		if text == "" {
			a.empty = true
			return a, nil
		}
		a.re, err = regex.Compile(text, p.extended, fold)
		return a, err
	}
	return nil, nil
}
