package procs

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// column is a column of ps.
type column struct {
	title string
	left  bool
	width int // at least
	value func(*process, times) string
	less  func(a, b *process) int // nil: by value
}

func clock(seconds uint64) string {
	return fmt.Sprintf("%02d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
}

func elapsed(d time.Duration) string {
	s := uint64(d / time.Second)
	switch days := s / 86400; {
	case days > 0:
		return fmt.Sprintf("%d-%s", days, clock(s%86400))
	case s >= 3600:
		return clock(s)
	}
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

func startTime(t time.Time) string {
	switch now := time.Now(); {
	case t.Year() != now.Year():
		return t.Format("2006")
	case t.YearDay() != now.YearDay():
		return t.Format("Jan02")
	}
	return t.Format("15:04")
}

func numeric(title string, width int, n func(*process) int) column {
	return column{
		title, false, width, func(p *process, _ times) string { return strconv.Itoa(n(p)) },
		func(a, b *process) int { return cmp.Compare(n(a), n(b)) },
	}
}

func textual(title string, width int, text func(*process) string) column {
	return column{title: title, left: true, width: width, value: func(p *process, _ times) string { return text(p) }}
}

// columns are the columns by name.
var columns = map[string]column{
	"pid":   numeric("PID", 5, func(p *process) int { return p.pid }),
	"ppid":  numeric("PPID", 5, func(p *process) int { return p.ppid }),
	"pgid":  numeric("PGID", 5, func(p *process) int { return p.pgrp }),
	"sid":   numeric("SID", 5, func(p *process) int { return p.session }),
	"uid":   numeric("UID", 5, func(p *process) int { return int(p.uid) }),
	"gid":   numeric("GID", 5, func(p *process) int { return int(p.gid) }),
	"ni":    numeric("NI", 3, func(p *process) int { return p.nice }),
	"pri":   numeric("PRI", 3, func(p *process) int { return 39 - p.priority }),
	"nlwp":  numeric("NLWP", 4, func(p *process) int { return p.threads }),
	"psr":   numeric("PSR", 3, func(p *process) int { return p.processor }),
	"vsz":   numeric("VSZ", 6, func(p *process) int { return int(p.virtual / 1024) }),
	"rss":   numeric("RSS", 5, func(p *process) int { return int(p.resident / 1024) }),
	"user":  textual("USER", 8, (*process).owner),
	"group": textual("GROUP", 8, func(p *process) string { return tool.Printable(accounts.Groups().Name(p.gid)) }),
	"comm":  textual("COMMAND", 15, func(p *process) string { return tool.Printable(p.comm) }),
	"args":  textual("COMMAND", 27, func(p *process) string { return tool.Printable(p.args()) }),
	"cmd":   textual("CMD", 27, func(p *process) string { return tool.Printable(p.args()) }),
	"ucmd":  textual("CMD", 15, func(p *process) string { return tool.Printable(p.comm) }),
	"stat":  textual("STAT", 4, (*process).stat),
	"s":     textual("S", 1, func(p *process) string { return p.state }),
	"tty":   textual("TTY", 8, (*process).terminal),
	"wchan": textual("WCHAN", 6, func(p *process) string {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/wchan")
		if err != nil || len(text) == 0 || string(text) == "0" {
			return "-"
		}
		return string(text)
	}),
	"time": {
		"TIME", false, 8, func(p *process, _ times) string { return clock((p.user + p.system) / ticks) },
		func(a, b *process) int { return cmp.Compare(a.user+a.system, b.user+b.system) },
	},
	"bsdtime": {title: "TIME", width: 6, value: func(p *process, _ times) string {
		s := (p.user + p.system) / ticks
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}},
	"etime": {
		"ELAPSED", false, 11, func(p *process, t times) string { return elapsed(t.age(p)) },
		func(a, b *process) int { return cmp.Compare(b.start, a.start) },
	},
	"etimes": {
		"ELAPSED", false, 7, func(p *process, t times) string { return strconv.Itoa(int(t.age(p) / time.Second)) },
		func(a, b *process) int { return cmp.Compare(b.start, a.start) },
	},
	"start": {
		"START", true, 5, func(p *process, t times) string { return startTime(t.started(p)) },
		func(a, b *process) int { return cmp.Compare(a.start, b.start) },
	},
	"lstart": {
		"STARTED", true, 24, func(p *process, t times) string { return t.started(p).Format("Mon Jan _2 15:04:05 2006") },
		func(a, b *process) int { return cmp.Compare(a.start, b.start) },
	},
	"c": {title: "C", width: 2, value: func(p *process, t times) string { return strconv.Itoa(min(99, int(t.cpu(p)))) }},
	"pcpu": {
		"%CPU", false, 4, func(p *process, t times) string { return fmt.Sprintf("%.1f", t.cpu(p)) }, nil,
	},
	"pmem": {
		"%MEM", false, 4, func(p *process, t times) string { return fmt.Sprintf("%.1f", t.mem(p)) },
		func(a, b *process) int { return cmp.Compare(a.resident, b.resident) },
	},
}

// other are the columns' other names.
var other = map[string]string{
	"%cpu": "pcpu", "%mem": "pmem", "command": "args", "cmd": "cmd", "tt": "tty", "tname": "tty", "stime": "start", "state": "s",
	"pgrp": "pgid", "sess": "sid", "session": "sid", "vsize": "vsz", "rssize": "rss", "euser": "user", "uname": "user", "ruser": "user",
	"euid": "uid", "ucomm": "comm", "nice": "ni", "thcount": "nlwp", "cputime": "time", "egroup": "group", "rsz": "rss", "start_time": "start",
}

func columnOf(name string) (column, bool) {
	name = strings.ToLower(name)
	if full, ok := other[name]; ok {
		name = full
	}
	c, ok := columns[name]
	return c, ok
}

// psCall is a call of ps.
type psCall struct {
	everything, terminals, full, long, bsd, userFormat, noTitle, forest, threads bool
	unlimited                                                                    bool
	pids, parents                                                                []int
	users                                                                        []uint32
	commands, format, order                                                      []string
}

// Ps prints processes. It takes the options of System V (ps -ef) and of BSD (ps aux).
func Ps(args []string) int {
	c := &psCall{}
	for len(args) > 0 {
		rest, err := c.option(args)
		if err != nil {
			fmt.Fprintf(os.Stderr, "ps: %v\nusage: ps [aux] [-AefFLlTw] [-p PIDS] [-u USERS] [-C NAMES] [-o COLUMNS] [--ppid PIDS] [--sort [-]COLUMN] [--no-headers] [--forest]\n", err)
			return tool.Usage
		}
		args = rest
	}
	shown, err := c.shown()
	if err == nil {
		err = c.print(shown)
	}
	if err != nil {
		return tool.Complain("ps", err)
	}
	return 0
}

// option reads an option, and returns the arguments after it.
func (c *psCall) option(args []string) ([]string, error) {
	arg, rest := args[0], args[1:]
	if strings.HasPrefix(arg, "--") {
		name, value, has := strings.Cut(arg[2:], "=")
		if !has && (name == "sort" || name == "format" || name == "ppid" || name == "pid" || name == "user") {
			if len(rest) == 0 {
				return nil, fmt.Errorf("option %s needs a value", arg)
			}
			value, rest = rest[0], rest[1:]
		}
		return rest, c.long2(name, value)
	}
	if pid, err := strconv.Atoi(arg); err == nil {
		c.pids = append(c.pids, pid)
		return rest, nil
	}
	dash := strings.HasPrefix(arg, "-")
	letters := strings.TrimPrefix(arg, "-")
	for i, letter := range letters {
		if strings.ContainsRune("opuUCkt", letter) && (dash || letter == 'o' || letter == 'p' || letter == 'k' || letter == 'U') {
			value := letters[i+1:]
			if value == "" {
				if len(rest) == 0 {
					return nil, fmt.Errorf("option %c needs a value", letter)
				}
				value, rest = rest[0], rest[1:]
			}
			return rest, c.valued(letter, value)
		}
		if err := c.letter(letter, dash); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

func (c *psCall) letter(letter rune, dash bool) error {
	switch letter {
	case 'e', 'A':
		if dash {
			c.everything = true
		}
	case 'a':
		c.terminals = true
		if !dash {
			c.everything, c.bsd = true, true
		}
	case 'x':
		c.everything, c.bsd = true, true
	case 'u':
		c.userFormat, c.bsd = true, true
	case 'f', 'F':
		c.full = c.full || dash
		c.forest = c.forest || !dash
	case 'l':
		c.long = true
	case 'L', 'T', 'm', 'H':
		c.threads = c.threads || letter != 'H'
		c.forest = c.forest || letter == 'H'
	case 'w':
		c.unlimited = true
	case 'h':
		c.noTitle = true
	case 'j', 'd', 'c', 'n', 'r', 'S', 'g', 'y', 'Z', 'M', 'N':
	default:
		return fmt.Errorf("unknown option %q", letter)
	}
	return nil
}

func (c *psCall) long2(name, value string) error {
	switch name {
	case "sort":
		return c.valued('k', value)
	case "format":
		return c.valued('o', value)
	case "pid":
		return c.valued('p', value)
	case "user":
		return c.valued('u', value)
	case "ppid":
		pids, err := numbers(value)
		c.parents = append(c.parents, pids...)
		return err
	case "no-headers", "no-heading", "noheader", "noheaders", "no-header":
		c.noTitle = true
	case "forest":
		c.forest = true
	case "everyone":
		c.everything = true
	default:
		return fmt.Errorf("unknown option --%s", name)
	}
	return nil
}

func words(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
}

func numbers(value string) (list []int, err error) {
	for _, word := range words(value) {
		n, err := strconv.Atoi(word)
		if err != nil {
			return nil, fmt.Errorf("%q is no process's number", word)
		}
		list = append(list, n)
	}
	return list, nil
}

func (c *psCall) valued(letter rune, value string) error {
	switch letter {
	case 'o':
		c.format = append(c.format, words(value)...)
	case 'p':
		pids, err := numbers(value)
		c.pids = append(c.pids, pids...)
		return err
	case 'u', 'U':
		for _, word := range words(value) {
			id, ok := accounts.Users().ID(word)
			if !ok {
				return fmt.Errorf("there is no user %q", word)
			}
			c.users = append(c.users, id)
		}
	case 'C':
		c.commands = append(c.commands, words(value)...)
	case 'k':
		c.order = append(c.order, words(value)...)
	}
	return nil
}

// chosen reports whether a process is to be printed.
func (c *psCall) chosen(p *process, own *process) bool {
	if c.pids != nil || c.users != nil || c.commands != nil || c.parents != nil {
		return slices.Contains(c.pids, p.pid) || slices.Contains(c.users, p.uid) || slices.Contains(c.commands, p.comm) || slices.Contains(c.parents, p.ppid)
	}
	switch {
	case c.everything:
		return true
	case c.terminals:
		return p.tty != 0
	case c.bsd:
		return p.uid == own.uid && p.tty != 0
	}
	return p.uid == own.uid && p.tty == own.tty
}

// shown returns the columns.
func (c *psCall) shown() ([]column, error) {
	names := c.format
	switch {
	case names != nil:
	case c.userFormat:
		names = strings.Fields("user pid pcpu pmem vsz rss tty stat start bsdtime args")
	case c.full:
		names = strings.Fields("user pid ppid c start tty time cmd")
	case c.long:
		names = strings.Fields("s uid pid ppid c pri ni vsz wchan tty time ucmd")
	case c.bsd:
		names = strings.Fields("pid tty stat bsdtime args")
	default:
		names = strings.Fields("pid tty time ucmd")
	}
	var shown []column
	for _, name := range names {
		name, title, titled := strings.Cut(name, "=")
		col, ok := columnOf(name)
		if !ok {
			return nil, fmt.Errorf("unknown column %q", name)
		}
		if titled {
			col.title = title
		}
		if c.full && c.format == nil && name == "user" {
			col.title = "UID"
		}
		if c.full && c.format == nil && name == "start" {
			col.title = "STIME"
		}
		shown = append(shown, col)
	}
	if c.format != nil && !slices.ContainsFunc(shown, func(col column) bool { return col.title != "" }) {
		c.noTitle = true
	}
	return shown, nil
}

func (c *psCall) print(shown []column) error {
	now := machineTimes()
	own, _ := read(os.Getpid())
	var list []process
	for _, p := range all() {
		if c.chosen(&p, &own) {
			list = append(list, p)
		}
	}
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
