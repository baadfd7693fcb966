package text

import (
	"bufio"
	"bytes"
	"fmt"
	"os"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// file searches a file.
func (g *grep) file(name string, file *os.File) error {
	in := bufio.NewReaderSize(tool.Flushing(file), 64<<10)
	_, _ = in.Peek(1) // what there is now: a pipe may have more much later
	start, _ := in.Peek(in.Buffered())
	p := &grepFile{grep: g, name: tool.Printable(name), binary: !g.text && bytes.IndexByte(start, 0) >= 0}
	if p.binary && g.noBinary {
		return nil
	}
	err := tool.Lines(in, p.add)
	if g.limit > 0 && !g.quiet { // the next program goes on after the last line, as with GNU's grep
		tool.Unread(file, in.Buffered())
	}
	switch {
	case g.count && !g.quiet:
		if g.names {
			fmt.Fprintf(g.out, "%s:", p.name)
		}
		fmt.Fprintln(g.out, p.found)
	case g.list && p.found > 0 && !g.quiet, g.listWithout && p.found == 0 && !g.quiet:
		fmt.Fprintln(g.out, p.name)
	}
	if g.listWithout && p.found == 0 || !g.listWithout && p.found > 0 {
		g.matched = true
	}
	if g.matched && g.quiet {
		return errFound
	}
	return err
}

// grepFile is the search of a file.
type grepFile struct {
	*grep
	name    string
	binary  bool
	n       int      // of the line
	found   int      // matching lines
	earlier [][]byte // lines for -B
	rest    int      // lines for -A to print
	printed int      // the last line that was printed
}

// add looks at a line and returns false when no more are needed.
func (p *grepFile) add(line []byte) bool {
	p.n++
	if p.re.Match(line) == p.invert {
		p.other(line)
		return p.limit == 0 || p.found < p.limit || p.rest > 0
	}
	if p.limit > 0 && p.found == p.limit {
		return false
	}
	p.found++
	switch {
	case p.quiet, p.list, p.listWithout:
		return false
	case p.count:
		return true
	case p.binary:
		fmt.Fprintf(p.out, "%s: %s: binary file matches\n", p.grep.name, p.name)
		return false
	}
	first := p.n - len(p.earlier)
	if (p.before > 0 || p.after > 0) && p.printed > 0 && first > p.printed+1 {
		fmt.Fprintln(p.out, "--")
	}
	for i, earlier := range p.earlier {
		p.print(first+i, '-', earlier)
	}
	p.earlier = nil
	p.rest = p.after
	if p.only && !p.invert {
		for _, part := range p.re.FindAll(line, -1) {
			if len(part) > 0 {
				p.print(p.n, ':', part)
			}
		}
		return true
	}
	p.print(p.n, ':', line)
	return p.limit == 0 || p.found < p.limit || p.rest > 0
}

// other keeps or prints a line around a match.
func (p *grepFile) other(line []byte) {
	switch {
	case p.quiet || p.list || p.listWithout || p.count || p.binary || p.only:
	case p.rest > 0:
		p.rest--
		p.print(p.n, '-', line)
	case p.before > 0:
		if len(p.earlier) == p.before {
			p.earlier = p.earlier[1:]
		}
		p.earlier = append(p.earlier, bytes.Clone(line))
	}
}

func (p *grepFile) print(n int, mark byte, text []byte) {
	if p.names {
		fmt.Fprintf(p.out, "%s%c", p.name, mark)
	}
	if p.number {
		fmt.Fprintf(p.out, "%d%c", n, mark)
	}
	p.out.Write(text)
	p.out.WriteByte('\n')
	p.printed = n
}
