package procs

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
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
	var depth map[int]int
	if c.forest {
		list, depth = forest(list)
	}
	w := bufio.NewWriter(os.Stdout)
	defer w.Flush()
	screen := 1 << 30
	if size, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ); err == nil && size.Col > 0 && !c.unlimited {
		screen = int(size.Col)
	}
	widths := make([]int, len(shown))
	cells := make([][]string, len(list))
	for i, col := range shown {
		widths[i] = max(col.width, len(col.title))
	}
	for row := range list {
		cells[row] = make([]string, len(shown))
		for i, col := range shown {
			text := col.value(&list[row], now)
			if n := depth[list[row].pid]; n > 0 && (col.title == "CMD" || col.title == "COMMAND") {
				text = strings.Repeat("    ", n-1) + ` \_ ` + text
			}
			if runes, limit := []rune(text), c.limits[i]; limit > 0 && i < len(shown)-1 && len(runes) > limit {
				text = string(runes[:limit])
			}
			cells[row][i] = text
			if i < len(shown)-1 {
				widths[i] = max(widths[i], len(text))
			}
		}
	}
	if !c.noTitle {
		titles := make([]string, len(shown))
		for i, col := range shown {
			titles[i] = col.title
		}
		printRow(w, shown, widths, titles, screen)
	}
	for _, row := range cells {
		printRow(w, shown, widths, row, screen)
	}
	return nil
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

// forest sorts processes below their parents, and returns how deep each is.
func forest(list []process) ([]process, map[int]int) {
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
	depth := make(map[int]int)
	var sorted []process
	var add func(p process, n int)
	add = func(p process, n int) {
		sorted = append(sorted, p)
		depth[p.pid] = n
		for _, child := range children[p.pid] {
			add(child, n+1)
		}
	}
	for _, p := range roots {
		add(p, 0)
	}
	return sorted, depth
}
