package compare

import (
	"fmt"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
)

func (d *diff) lines(mark string, lines []string) {
	for _, line := range lines {
		d.out.WriteString(mark + line)
		if !strings.HasSuffix(line, "\n") {
			d.out.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

func (d *diff) plain(c difflib.OpCode, a, b []string) {
	place := func(from, to int) string {
		if to-from <= 1 {
			return fmt.Sprint(to)
		}
		return fmt.Sprintf("%d,%d", from+1, to)
	}
	switch c.Tag {
	case 'd':
		fmt.Fprintf(d.out, "%sd%d\n", place(c.I1, c.I2), c.J1)
		d.lines("< ", a[c.I1:c.I2])
	case 'i':
		fmt.Fprintf(d.out, "%da%s\n", c.I1, place(c.J1, c.J2))
		d.lines("> ", b[c.J1:c.J2])
	case 'r':
		fmt.Fprintf(d.out, "%sc%s\n", place(c.I1, c.I2), place(c.J1, c.J2))
		d.lines("< ", a[c.I1:c.I2])
		d.out.WriteString("---\n")
		d.lines("> ", b[c.J1:c.J2])
	}
}

func (d *diff) hunk(group []difflib.OpCode, a, b []string) {
	place := func(from, to int) string {
		switch to - from {
		case 0:
			return fmt.Sprintf("%d,0", from)
		case 1:
			return fmt.Sprint(to)
		}
		return fmt.Sprintf("%d,%d", from+1, to-from)
	}
	first, last := group[0], group[len(group)-1]
	fmt.Fprintf(d.out, "@@ -%s +%s @@\n", place(first.I1, last.I2), place(first.J1, last.J2))
	for _, c := range group {
		if c.Tag == 'e' {
			d.lines(" ", a[c.I1:c.I2])
			continue
		}
		d.lines("-", a[c.I1:c.I2])
		d.lines("+", b[c.J1:c.J2])
	}
}
