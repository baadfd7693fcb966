package listing

import (
	"strconv"
	"strings"

	"github.com/mattn/go-runewidth"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/quote"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

func (l *listing) print(entries []file) {
	switch {
	case l.long:
		l.printLong(entries)
	case l.commas:
		l.printCommas(entries)
	case l.columns || l.across || !l.oneLine && tool.Terminal():
		l.printColumns(entries)
	default:
		l.padded = false
		width := 0
		for _, e := range entries {
			width = max(width, len(l.front(e, 0)))
		}
		for _, e := range entries {
			l.out.WriteString(l.front(e, width) + l.paint(e) + l.mark(e) + l.end)
		}
	}
}

// front returns what -i and -s print before a name.
func (l *listing) front(e file, width int) string {
	text := ""
	if l.inode {
		text += strconv.FormatUint(e.stat.Ino, 10) + " "
	}
	if l.blocks {
		text += l.units.Show(uint64(e.stat.Blocks)*512, 1024) + " "
	}
	return strings.Repeat(" ", max(0, width-len(text))) + text
}

// mark returns the mark of the file's kind.
func (l *listing) mark(e file) string {
	kind := e.stat.Mode & unix.S_IFMT
	switch {
	case kind == unix.S_IFDIR && (l.classify || l.slash || l.types):
		return "/"
	case !l.classify && !l.types:
		return ""
	case kind == unix.S_IFLNK && !l.long:
		return "@"
	case kind == unix.S_IFIFO:
		return "|"
	case kind == unix.S_IFSOCK:
		return "="
	case kind == unix.S_IFREG && e.stat.Mode&0o111 != 0 && l.classify:
		return "*"
	}
	return ""
}

// align has names without quotes start where those with quotes do, after the quote.
func (l *listing) align(entries []file) {
	l.padded = false
	for _, e := range entries {
		text := quote.Name(e.name, l.style)
		l.padded = l.padded || l.style == "shell" && text != e.name
	}
}

// quoted returns a name as it is printed.
func (l *listing) quoted(name string) string {
	text := quote.Name(name, l.style)
	if l.padded && text == name {
		return " " + text
	}
	return text
}

// paint returns the name, without control characters, and in the color of its kind.
func (l *listing) paint(e file) string {
	name := l.quoted(e.name)
	if !l.color {
		return name
	}
	color := ""
	switch kind := e.stat.Mode & unix.S_IFMT; {
	case kind == unix.S_IFDIR:
		color = "01;34"
	case kind == unix.S_IFLNK && e.broken:
		color = "01;31"
	case kind == unix.S_IFLNK:
		color = "01;36"
	case kind == unix.S_IFIFO, kind == unix.S_IFSOCK, kind == unix.S_IFBLK, kind == unix.S_IFCHR:
		color = "01;33"
	case e.stat.Mode&0o111 != 0:
		color = "01;32"
	default:
		return name
	}
	return "\x1b[" + color + "m" + name + "\x1b[0m"
}

// printCommas prints names with commas between them, in lines as wide as the screen.
func (l *listing) printCommas(entries []file) {
	l.padded = false
	column := 0
	for i, e := range entries {
		text := l.front(e, 0) + l.paint(e) + l.mark(e)
		width := runewidth.StringWidth(l.front(e, 0) + l.quoted(e.name) + l.mark(e))
		if i > 0 {
			if l.width == 0 || column+width+2 < l.width {
				l.out.WriteString(", ")
				column += 2
			} else {
				l.out.WriteString(",\n")
				column = 0
			}
		}
		l.out.WriteString(text)
		column += width
	}
	if len(entries) > 0 {
		l.out.WriteString(l.end)
	}
}

func (l *listing) printColumns(entries []file) {
	if len(entries) == 0 {
		return
	}
	l.align(entries)
	widths := make([]int, len(entries))
	for i, e := range entries {
		widths[i] = runewidth.StringWidth(l.front(e, 0) + l.quoted(e.name) + l.mark(e))
	}
	columns, rows := l.arrange(widths)
	for row := range rows {
		at, wanted := 0, 0
		for column := range columns {
			i := column*rows + row
			if l.across {
				i = row*len(columns) + column
			}
			if i >= len(entries) {
				break
			}
			l.indent(at, wanted)
			at = wanted + widths[i]
			wanted += columns[column]
			e := entries[i]
			l.out.WriteString(l.front(e, 0) + l.paint(e) + l.mark(e))
		}
		l.out.WriteByte('\n')
	}
}

// arrange returns the widths of as many columns as fit, and the number of rows.
func (l *listing) arrange(widths []int) (columns []int, rows int) {
	const least = 3 // a column's width
	most := len(widths)
	if l.width > 0 {
		most = max(1, min(most, l.width/least))
	}
	for n := most; ; n-- {
		rows = (len(widths) + n - 1) / n
		columns = columns[:0]
		total := 0
		for column := range n {
			between := 2
			if column == n-1 {
				between = 0
			}
			width := max(least, l.widest(widths, column, n, rows)+between)
			columns = append(columns, width)
			total += width
		}
		if n <= 1 || l.width == 0 || total < l.width {
			return columns, rows
		}
	}
}

// widest returns the width of a column's widest entry.
func (l *listing) widest(widths []int, column, columns, rows int) (width int) {
	for row := range rows {
		i := column*rows + row
		if l.across {
			i = row*columns + column
		}
		if i < len(widths) {
			width = max(width, widths[i])
		}
	}
	return width
}

// indent writes tabs and spaces up to a column.
func (l *listing) indent(from, to int) {
	for from < to {
		if l.tabs > 0 && to/l.tabs > (from+1)/l.tabs {
			l.out.WriteByte('\t')
			from += l.tabs - from%l.tabs
		} else {
			l.out.WriteByte(' ')
			from++
		}
	}
}
