package procs

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

func (c *psCall) print(shown []column) error {
	now := machineTimes()
	own, _ := read(os.Getpid())
	var list []process
	for _, p := range all() {
		switch {
		case !c.chosen(&p, &own):
		case c.threads != 0:
			list = append(list, p.tasks()...)
		default:
			list = append(list, p)
		}
	}
	c.none = len(list) == 0
	if err := c.sort(list, now); err != nil {
		return err
	}
	var before map[int]string
	if c.forest {
		list, before = forest(list, c.indented)
	}
	w := bufio.NewWriter(tool.Stdout)
	defer w.Flush()
	screen := 1 << 30
	if size, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ); err == nil && size.Col > 0 && !c.unlimited {
		screen = int(size.Col)
	}
	widths := make([]int, len(shown))
	titles := make([]string, len(shown))
	for i, col := range shown {
		titles[i] = col.title
		widths[i] = max(col.width, len(col.title))
	}
	cells := make([][]string, len(list))
	for row := range list {
		cells[row] = c.cells(&list[row], shown, now, before[list[row].pid])
		for i, text := range cells[row] {
			if n := utf8.RuneCountInString(text); i < len(shown)-1 && widens(shown[i]) {
				widths[i] = max(widths[i], n)
			}
		}
	}
	if !c.noTitle {
		printRow(w, shown, widths, titles, screen)
	}
	for _, row := range cells {
		printRow(w, shown, widths, row, screen)
	}
	return nil
}

// widens reports whether a column is as wide as its widest cell. Wide numbers push what follows aside, as procps's do,
// except those of processes.
func widens(col column) bool {
	if !col.left {
		return slices.Contains([]string{"PID", "PPID", "PGID", "SID", "TPGID", "LWP", "SPID"}, col.title)
	}
	return col.title != "COMMAND" && col.title != "CMD"
}

// cells returns what is in the columns of a process.
func (c *psCall) cells(p *process, shown []column, now times, before string) []string {
	cells := make([]string, len(shown))
	for i, col := range shown {
		text := col.value(p, now)
		if col.title == "CMD" || col.title == "COMMAND" {
			text = c.command(p, before, text)
		}
		limit := c.limits[i]
		if limit == 0 && i < len(shown)-1 && (col.title == "COMMAND" || col.title == "CMD") {
			limit = col.width
		}
		isName := col.left && slices.Contains([]string{"USER", "RUSER", "GROUP", "UID"}, col.title)
		if limit == 0 && isName {
			limit = col.width
		}
		if runes := []rune(text); limit > 0 && i < len(shown)-1 && len(runes) > limit {
			text = string(runes[:limit])
			if isName {
				text = string(runes[:limit-1]) + "+"
			}
		}
		cells[i] = text
	}
	return cells
}

// command is the column of the command, with what is in front of it in a forest, and behind it.
func (c *psCall) command(p *process, before, text string) string {
	if c.environment {
		text += " " + p.environment()
	}
	return before + text
}

func printRow(w *bufio.Writer, shown []column, widths []int, cells []string, screen int) {
	var line strings.Builder
	for i, cell := range cells {
		if i > 0 {
			line.WriteByte(' ')
		}
		switch {
		case !shown[i].left:
			fmt.Fprintf(&line, "%*s", widths[i], cell)
		case i == len(cells)-1:
			line.WriteString(cell)
		default:
			fmt.Fprintf(&line, "%-*s", widths[i], cell)
		}
	}
	runes := []rune(line.String())
	fmt.Fprintln(w, string(runes[:min(len(runes), screen)]))
}

func (c *psCall) sort(list []process, now times) error {
	var orders []func(a, b *process) int
	for _, name := range c.order {
		sign := 1
		switch name[0] {
		case '-':
			sign, name = -1, name[1:]
		case '+':
			name = name[1:]
		}
		col, ok := columnOf(name)
		if !ok {
			return fmt.Errorf("unknown column %q", name)
		}
		compare := col.less
		switch {
		case col.title == "%CPU":
			compare = func(a, b *process) int { return cmp.Compare(now.cpu(a), now.cpu(b)) }
		case compare == nil:
			compare = func(a, b *process) int { return cmp.Compare(col.value(a, now), col.value(b, now)) }
		}
		orders = append(orders, func(a, b *process) int { return sign * compare(a, b) })
	}
	slices.SortStableFunc(list, func(a, b process) int {
		for _, order := range orders {
			if n := order(&a, &b); n != 0 {
				return n
			}
		}
		return 0
	})
	return nil
}

// forest sorts processes below their parents, and returns what is in front of the command of each: lines that lead to the parent, or
// only blanks.
func forest(list []process, blank bool) ([]process, map[int]string) {
	children := make(map[int][]process)
	present := make(map[int]bool)
	for _, p := range list {
		present[p.pid] = true
	}
	var roots []process
	for _, p := range list {
		if present[p.ppid] && p.ppid != p.pid {
			children[p.ppid] = append(children[p.ppid], p)
		} else {
			roots = append(roots, p)
		}
	}
	before := make(map[int]string)
	var sorted []process
	var add func(list []process, above string)
	add = func(list []process, above string) {
		for i, p := range list {
			sorted = append(sorted, p)
			below := above + "    "
			switch {
			case blank:
				before[p.pid], below = above, above+"  "
			default:
				before[p.pid] = above + ` \_ `
				if i < len(list)-1 {
					below = above + " |  "
				}
			}
			add(children[p.pid], below)
		}
	}
	for _, p := range roots {
		sorted = append(sorted, p)
		if blank {
			add(children[p.pid], "  ")
		} else {
			add(children[p.pid], "")
		}
	}
	return sorted, before
}
