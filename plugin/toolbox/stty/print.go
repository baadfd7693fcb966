package stty

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// page writes words in lines that are no longer than the terminal is wide.
type page struct {
	width, at int
	out       strings.Builder
}

func newPage() *page {
	p := &page{width: 80}
	if size, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ); err == nil && size.Col > 0 {
		p.width = int(size.Col)
	} else if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		p.width = n
	}
	return p
}

func (p *page) add(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if p.at > 0 {
		if p.width-p.at <= len(text) {
			p.end()
		} else {
			p.out.WriteByte(' ')
			p.at++
		}
	}
	p.out.WriteString(text)
	p.at += len(text)
}

// end ends a line.
func (p *page) end() {
	p.out.WriteByte('\n')
	p.at = 0
}

// visible writes a control character as ^X.
func visible(c byte) string {
	switch {
	case c == 0:
		return "<undef>"
	case c == 127:
		return "^?"
	case c < ' ':
		return "^" + string(rune(c+'@'))
	case c > 127:
		return "M-" + strings.TrimPrefix(visible(c-128), "<undef>")
	}
	return string(rune(c))
}

// all prints everything, as stty -a.
func (c *call) all() {
	p := newPage()
	rows, columns := c.size()
	p.add("speed %d baud;", c.baud())
	p.add("rows %d; columns %d;", rows, columns)
	p.add("line = %d;", c.mode.Line)
	p.end()
	for _, one := range characters {
		p.add("%s = %s;", one.name, visible(c.mode.Cc[one.index]))
	}
	p.add("min = %d; time = %d;", c.mode.Cc[unix.VMIN], c.mode.Cc[unix.VTIME])
	p.end()
	last := control
	for i := range modes {
		m := &modes[i]
		if m.other {
			continue
		}
		if m.group != last {
			p.end()
			last = m.group
		}
		switch {
		case m.isSet(&c.mode):
			p.add("%s", m.name)
		case !m.single:
			p.add("-%s", m.name)
		}
	}
	p.end()
	tool.Print(p.out.String())
}

// different prints what differs from stty sane.
func (c *call) different() {
	p := newPage()
	p.add("speed %d baud;", c.baud())
	p.add("line = %d;", c.mode.Line)
	p.end()
	for _, one := range characters {
		if value := c.mode.Cc[one.index]; value != one.sane {
			p.add("%s = %s;", one.name, visible(value))
		}
	}
	if c.mode.Lflag&unix.ICANON == 0 {
		p.add("min = %d; time = %d;", c.mode.Cc[unix.VMIN], c.mode.Cc[unix.VTIME])
	}
	if p.at > 0 {
		p.end()
	}
	last := control
	for i := range modes {
		m := &modes[i]
		if m.other || m.sane == 0 {
			continue
		}
		if m.group != last && p.at > 0 {
			p.end()
		}
		last = m.group
		switch set := m.isSet(&c.mode); {
		case set && m.sane == '-':
			p.add("%s", m.name)
		case !set && m.sane == '+' && !m.single:
			p.add("-%s", m.name)
		}
	}
	if p.at > 0 {
		p.end()
	}
	tool.Print(p.out.String())
}
