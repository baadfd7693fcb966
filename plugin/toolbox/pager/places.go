package pager

import (
	"fmt"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/screen"
)

// place goes to a place of the text.
func (p *pager) place(k screen.Key, n int) bool {
	switch k {
	case 'g', '<', screen.Home, screen.Meta | '<':
		if n > 1 {
			p.toLine(int64(n))
			break
		}
		p.last, p.top = p.top, pos{}
	case 'G', '>', screen.End, screen.Meta | '>':
		if n > 0 {
			p.toLine(int64(n))
			break
		}
		p.last = p.top
		p.toEnd()
	case 'p', '%':
		p.toPercent(n)
	case 'F':
		p.follow()
	case 'm':
		p.asks("set mark: ")
		if k := p.key(); k > ' ' {
			p.marks[rune(k)] = mark{p.at, p.top}
		}
	case '\'', screen.Control('X'):
		p.asks("goto mark: ")
		p.toMark(p.key())
	default:
		return false
	}
	return true
}

func (p *pager) toLine(n int64) {
	at, ok := p.indexOf(n)
	if !ok {
		p.message = fmt.Sprintf("Cannot seek to line number %d", n)
		return
	}
	p.jump(at)
}

func (p *pager) toPercent(n int) {
	p.readAll()
	at := p.doc.size * int64(min(n, 100)) / 100
	if at >= p.doc.size {
		p.toEnd()
		return
	}
	if at > 0 {
		at = p.doc.lineStart(at + 1)
	}
	p.last, p.top = p.top, pos{at, 0}
}

func (p *pager) toMark(k screen.Key) {
	was := p.top
	switch to, ok := p.marks[rune(k)]; {
	case k == '\'' || k == screen.Control('X'):
		p.top = p.last
	case k == '^':
		p.top = pos{}
	case k == '$':
		p.toEnd()
	case ok:
		if to.file != p.at {
			if p.change(to.file); p.at != to.file {
				return
			}
			was = pos{}
		}
		p.top = to.at
	default:
		p.message = "Mark not set"
		return
	}
	p.last = was
}
