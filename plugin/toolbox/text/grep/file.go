package grep

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// file searches a file.
func (g *grep) file(name string, file *os.File) error {
	in := bufio.NewReaderSize(tool.Flushing(file), 64<<10)
	_, _ = in.Peek(1) // what there is now: a pipe may have more much later
	start, _ := in.Peek(in.Buffered())
	p := &grepFile{grep: g, name: tool.Printable(name), binary: !g.text && !g.zero && bytes.IndexByte(start, 0) >= 0}
	if p.binary && g.noBinary {
		return nil
	}
	end := byte('\n')
	if g.zero {
		end = 0
	}
	err := tool.Records(in, end, p.add)
	if g.limit > 0 && !g.quiet { // the next program goes on after the last line, as with GNU's grep
		tool.Unread(file, in.Buffered())
	}
	switch {
	case g.count && !g.quiet:
		if g.names {
			p.front(p.name, magenta, ':', g.nul)
		}
		fmt.Fprintln(g.out, p.found)
	case g.list && p.found > 0 && !g.quiet, g.listWithout && p.found == 0 && !g.quiet:
		end := "\n"
		if g.nul {
			end = "\x00"
		}
		g.out.WriteString(p.painted(p.name, magenta) + end)
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
	offset  int64    // of the line
	next    int64    // of the line after it
}

// The colors are those of GNU's grep.
const (
	red     = "01;31"
	magenta = "35"
	green   = "32"
	cyan    = "36"
)

// painted returns a text in a color, if colors are wanted.
func (p *grepFile) painted(text, color string) string {
	if !p.color {
		return text
	}
	return "\x1b[" + color + "m\x1b[K" + text + "\x1b[m\x1b[K"
}

// front prints what is in front of a line, and the mark behind it.
func (p *grepFile) front(text, color string, mark byte, nul bool) {
	p.out.WriteString(p.painted(text, color))
	if nul {
		p.out.WriteByte(0)
	} else {
		p.out.WriteString(p.painted(string(mark), cyan))
	}
}

// add looks at a line and returns false when no more are needed.
func (p *grepFile) add(line []byte) bool {
	p.n++
	p.offset, p.next = p.next, p.next+int64(len(line))+1
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
		p.out.WriteString(p.painted("--", cyan) + "\n")
	}
	at := p.offset
	for _, earlier := range p.earlier {
		at -= int64(len(earlier)) + 1
	}
	for i, earlier := range p.earlier {
		p.print(first+i, '-', earlier, at)
		at += int64(len(earlier)) + 1
	}
	p.earlier = nil
	p.rest = p.after
	if p.only && !p.invert {
		for _, at := range p.re.FindAllIndex(line, -1) {
			if at[1] > at[0] {
				p.print(p.n, ':', line[at[0]:at[1]], p.offset+int64(at[0]))
			}
		}
		return true
	}
	p.print(p.n, ':', line, p.offset)
	return p.limit == 0 || p.found < p.limit || p.rest > 0
}

// other keeps or prints a line around a match.
func (p *grepFile) other(line []byte) {
	switch {
	case p.quiet || p.list || p.listWithout || p.count || p.binary || p.only:
	case p.rest > 0:
		p.rest--
		p.print(p.n, '-', line, p.offset)
	case p.before > 0:
		if len(p.earlier) == p.before {
			p.earlier = p.earlier[1:]
		}
		p.earlier = append(p.earlier, bytes.Clone(line))
	}
}

func (p *grepFile) print(n int, mark byte, text []byte, offset int64) {
	if p.names {
		p.front(p.name, magenta, mark, p.nul)
	}
	if p.number {
		p.front(strconv.Itoa(n), green, mark, false)
	}
	if p.offsets {
		p.front(strconv.FormatInt(offset, 10), green, mark, false)
	}
	if p.tabs && (p.names || p.number || p.offsets) {
		p.out.WriteByte('\t')
	}
	switch {
	case !p.color || mark != ':' || p.invert:
		p.out.Write(text)
	case p.only:
		p.out.WriteString(p.painted(string(text), red))
	default:
		done := 0
		for _, at := range p.re.FindAllIndex(text, -1) {
			if at[1] > at[0] {
				p.out.Write(text[done:at[0]])
				p.out.WriteString(p.painted(string(text[at[0]:at[1]]), red))
				done = at[1]
			}
		}
		p.out.Write(text[done:])
	}
	end := byte('\n')
	if p.zero {
		end = 0
	}
	p.out.WriteByte(end)
	p.printed = n
}
