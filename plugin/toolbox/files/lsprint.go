// Package files has the toolbox's own tools for files.
package files

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mattn/go-runewidth"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

func (l *listing) print(entries []file) {
	switch {
	case l.long:
		l.printLong(entries)
	case l.columns || !l.oneLine && tool.Terminal():
		l.printColumns(entries)
	default:
		width := 0
		for _, e := range entries {
			width = max(width, len(l.front(e, 0)))
		}
		for _, e := range entries {
			l.out.WriteString(l.front(e, width) + l.paint(e) + l.mark(e) + "\n")
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
		text += l.size(e.stat.Blocks/2, e.stat.Blocks*512) + " "
	}
	return strings.Repeat(" ", max(0, width-len(text))) + text
}

// mark returns the mark of the file's kind.
func (l *listing) mark(e file) string {
	kind := e.stat.Mode & unix.S_IFMT
	switch {
	case kind == unix.S_IFDIR && (l.classify || l.slash):
		return "/"
	case !l.classify:
		return ""
	case kind == unix.S_IFLNK && !l.long:
		return "@"
	case kind == unix.S_IFIFO:
		return "|"
	case kind == unix.S_IFSOCK:
		return "="
	case kind == unix.S_IFREG && e.stat.Mode&0o111 != 0:
		return "*"
	}
	return ""
}

// paint returns the name, without control characters, and in the color of its kind.
func (l *listing) paint(e file) string {
	name := tool.Printable(e.name)
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

func (l *listing) printColumns(entries []file) {
	if len(entries) == 0 {
		return
	}
	screen := 80
	if size, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ); err == nil && size.Col > 0 {
		screen = int(size.Col)
	}
	widths := make([]int, len(entries))
	for i, e := range entries {
		widths[i] = runewidth.StringWidth(l.front(e, 0) + tool.Printable(e.name) + l.mark(e))
	}
	all := 0
	for _, width := range widths {
		all += width + 2
	}
	rows := max(1, all/(screen+2)) // fewer can't be enough
	var columns []int
	for ; ; rows++ {
		columns = columns[:0]
		total := -2
		for start := 0; start < len(entries); start += rows {
			width := slices.Max(widths[start:min(start+rows, len(entries))]) + 2
			columns = append(columns, width)
			total += width
		}
		if total < screen || rows == len(entries) {
			break
		}
	}
	for row := range rows {
		for column := range columns {
			i := column*rows + row
			if i >= len(entries) {
				break
			}
			e := entries[i]
			l.out.WriteString(l.front(e, 0) + l.paint(e) + l.mark(e))
			if i+rows < len(entries) {
				l.out.WriteString(strings.Repeat(" ", columns[column]-widths[i]))
			}
		}
		l.out.WriteByte('\n')
	}
}
