package procs

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// psCall is a call of ps.
type psCall struct {
	none                                                                bool // no process was chosen
	everything, terminals, full, long, bsd, userFormat, noTitle, forest bool
	jobs, noLeaders, running, unlimited, extra, noFlags, inverted       bool
	memory, indented, shortNames, environment                           bool
	limits                                                              map[int]int // the width that a column was given
	threads                                                             rune        // the letter that asked for them, or 0
	pids, parents, sessions                                             []int
	users, groups                                                       []uint32
	lines                                                               []string // terminals
	commands, format, order                                             []string
}

// Ps prints processes. It takes the options of System V (ps -ef) and of BSD (ps aux).
func Ps(args []string) int {
	c, err := parsePs(args)
	if err != nil { // ps -aux
		if bsd, failed := parsePs(dashless(args)); failed == nil {
			c, err = bsd, nil
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "ps: %v\nusage: ps [acefhjluvwx] [-AadefFHjLlrTwy] [-p PIDS] [-t TERMINALS] [-u USERS] [-C NAMES] [-o COLUMNS] [--ppid PIDS] [--sort [-]COLUMN] [--no-headers] [--forest]\n", err)
		return 1
	}
	shown, err := c.shown()
	if err == nil {
		err = c.print(shown)
	}
	if err != nil {
		return tool.Complain("ps", err)
	}
	if c.none {
		return 1
	}
	return 0
}

func parsePs(args []string) (c *psCall, err error) {
	c = &psCall{}
	for len(args) > 0 && err == nil {
		args, err = c.option(args)
	}
	return c, err
}

// dashless removes the dashes of options that are BSD's, as procps does if they are no others.
func dashless(args []string) []string {
	out := slices.Clone(args)
	for i, arg := range out {
		if !strings.HasPrefix(arg, "--") {
			out[i] = strings.TrimPrefix(arg, "-")
		}
	}
	return out
}

// option reads an option, and returns the arguments after it.
func (c *psCall) option(args []string) ([]string, error) {
	arg, rest := args[0], args[1:]
	if strings.HasPrefix(arg, "--") {
		return c.word(arg, rest)
	}
	if pid, err := strconv.Atoi(arg); err == nil {
		c.pids = append(c.pids, pid)
		c.bsd = true
		return rest, nil
	}
	dash := strings.HasPrefix(arg, "-")
	letters := strings.TrimPrefix(arg, "-")
	for i, letter := range letters {
		if takesValue(letter, dash) {
			value := letters[i+1:]
			if value == "" {
				if len(rest) == 0 {
					return nil, fmt.Errorf("option %c needs a value", letter)
				}
				value, rest = rest[0], rest[1:]
			}
			c.bsd = c.bsd || !dash && strings.ContainsRune("pU", letter)
			return rest, c.valued(letter, value)
		}
		if err := c.letter(letter, dash); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// takesValue reports whether a letter is an option with a value.
func takesValue(letter rune, dash bool) bool {
	return strings.ContainsRune("opkqU", letter) || dash && strings.ContainsRune("uCGgst", letter)
}

// word reads an option such as --sort=rss, whose value may be the next argument.
func (c *psCall) word(arg string, rest []string) ([]string, error) {
	name, value, has := strings.Cut(arg[2:], "=")
	if !has && slices.Contains([]string{"sort", "format", "ppid", "pid", "user", "User", "group", "Group", "sid", "tty", "quick-pid"}, name) {
		if len(rest) == 0 {
			return nil, fmt.Errorf("option %s needs a value", arg)
		}
		value, rest = rest[0], rest[1:]
	}
	return rest, c.long2(name, value)
}

func (c *psCall) letter(letter rune, dash bool) error {
	known := false
	if dash {
		known = c.systemV(letter)
	} else {
		known = c.berkeley(letter)
	}
	if !known {
		return fmt.Errorf("option %s%c is not supported here", map[bool]string{true: "-"}[dash], letter)
	}
	return nil
}

// systemV takes an option that has a dash.
func (c *psCall) systemV(letter rune) (known bool) {
	switch letter {
	case 'e', 'A':
		c.everything = true
	case 'a':
		c.terminals = true
	case 'd':
		c.everything, c.noLeaders = true, true
	case 'F':
		c.full, c.extra = true, true
	case 'f':
		c.full = true
	case 'l':
		c.long = true
	case 'N':
		c.inverted = true
	case 'L', 'T':
		c.threads = letter
	case 'H':
		c.forest, c.indented = true, true
	case 'j':
		c.jobs = true
	default:
		return c.either(letter)
	}
	return true
}

// berkeley takes an option without a dash.
func (c *psCall) berkeley(letter rune) (known bool) {
	switch letter {
	case 'a':
		c.terminals, c.everything = true, true
	case 'x':
		c.everything = true
	case 'u':
		c.userFormat = true
	case 'f':
		c.forest = true
	case 'l':
		c.long = true
	case 'v':
		c.memory = true
	case 'H':
		c.threads = 'H'
	case 'j':
		c.jobs = true
	case 'c':
		c.shortNames = true
	case 'e':
		c.environment = true
	case 'g': // of all BSDs: no difference here
	default:
		c.bsd = c.bsd || letter == 'r'
		return c.either(letter)
	}
	c.bsd = true
	return true
}

// either takes an option that has a dash or none.
func (c *psCall) either(letter rune) (known bool) {
	switch letter {
	case 'y':
		c.noFlags = true
	case 'r':
		c.running = true
	case 'w':
		c.unlimited = true
	case 'h':
		c.noTitle = true
	default:
		return false
	}
	return true
}

func (c *psCall) long2(name, value string) error {
	switch name {
	case "sort":
		return c.valued('k', value)
	case "format":
		return c.valued('o', value)
	case "pid", "quick-pid":
		return c.valued('p', value)
	case "tty":
		return c.valued('t', value)
	case "user", "User":
		return c.valued('u', value)
	case "group", "Group":
		return c.valued('G', value)
	case "sid":
		return c.valued('s', value)
	case "deselect":
		c.inverted = true
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
	case 't':
		for _, word := range words(value) {
			word = strings.TrimPrefix(word, "/dev/")
			if _, err := strconv.Atoi(word); err == nil {
				word = "tty" + word
			}
			c.lines = append(c.lines, strings.Replace(word, "-", "?", 1))
		}
	case 'p', 'q':
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
	case 'G':
		for _, word := range words(value) {
			id, ok := accounts.Groups().ID(word)
			if !ok {
				return fmt.Errorf("there is no group %q", word)
			}
			c.groups = append(c.groups, id)
		}
	case 'g', 's':
		sessions, err := numbers(value)
		c.sessions = append(c.sessions, sessions...)
		return err
	case 'C':
		c.commands = append(c.commands, words(value)...)
	case 'k':
		c.order = append(c.order, words(value)...)
	}
	return nil
}

// chosen reports whether a process is to be printed.
func (c *psCall) chosen(p *process, own *process) bool {
	return c.selected(p, own) != c.inverted
}

// named reports whether the processes are chosen by numbers, names and the like.
func (c *psCall) named() bool {
	return c.pids != nil || c.users != nil || c.groups != nil || c.commands != nil || c.parents != nil || c.sessions != nil || c.lines != nil
}

func (c *psCall) selected(p *process, own *process) bool {
	if c.running && p.state != "R" && p.state != "D" || c.noLeaders && p.session == p.pid {
		return false
	}
	if c.named() {
		return slices.Contains(c.lines, p.terminal()) || slices.Contains(c.groups, p.gid) || slices.Contains(c.sessions, p.session) || slices.Contains(c.pids, p.pid) || slices.Contains(c.users, p.uid) || slices.Contains(c.commands, p.comm) || slices.Contains(c.parents, p.ppid)
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

// added adds the columns of -j, -L and -T.
func (c *psCall) added(names []string) []string {
	at := slices.Index(names, "pid") + 1
	if c.jobs {
		names = slices.Insert(names, at, "pgid", "sid")
	}
	if c.threads != 0 {
		if parent := slices.Index(names, "ppid"); parent >= 0 {
			at = parent + 1
		}
		names = slices.Insert(names, at, "lwp")
		if c.full {
			names = slices.Insert(names, slices.Index(names, "c")+1, "nlwp")
		}
	}
	return names
}

// names returns the names of the columns.
func (c *psCall) names() []string {
	names := c.format
	switch {
	case names != nil:
		return names
	case c.userFormat:
		names = strings.Fields("user pid pcpu pmem vsz rss tty stat start bsdtime args")
	case c.memory:
		return strings.Fields("pid tty stat bsdtime maj_flt vsz rss pmem args")
	case c.bsd && c.jobs:
		return strings.Fields("ppid pid pgid sid tty tpgid stat uid bsdtime args")
	case c.bsd && c.long:
		return strings.Fields("f uid pid ppid pri ni vsz rss wchan:6 stat bsdtty bsdtime args")
	case c.full && c.long:
		return strings.Fields("f s user pid ppid c pri ni addrsz wchan:6 start tty time cmd")
	case c.full && c.bsd:
		return strings.Fields("user pid ppid c start tty stat bsdtime cmd")
	case c.full:
		names = strings.Fields("user pid ppid c start tty time cmd")
		if c.extra {
			names = strings.Fields("user pid ppid c sz rss psr start tty time cmd")
		}
	case c.long && c.noFlags:
		names = strings.Fields("s uid pid ppid c pri ni rss sz wchan:6 tty time ucmd")
	case c.long:
		names = strings.Fields("f s uid pid ppid c pri ni addrsz wchan:6 tty time ucmd")
	case c.bsd:
		names = strings.Fields("pid tty stat bsdtime args")
	default:
		names = strings.Fields("pid tty time ucmd")
	}
	return c.added(names)
}

// shown returns the columns.
func (c *psCall) shown() ([]column, error) {
	var shown []column
	c.limits = make(map[int]int)
	for _, name := range c.names() {
		name, title, titled := strings.Cut(name, "=")
		name, width, wide := strings.Cut(name, ":")
		if short := map[string]string{"args": "comm", "cmd": "ucmd"}[name]; c.shortNames && short != "" {
			name = short
		}
		asWritten := strings.ToLower(name)
		if long := asked[asWritten]; long != "" && c.format != nil {
			name = long
		}
		col, ok := columnOf(name)
		if !ok {
			return nil, fmt.Errorf("unknown column %q", name)
		}
		if own := titles[asWritten]; own != "" && c.format != nil {
			col.title = own
		}
		if n, err := strconv.Atoi(width); wide && err == nil && n > 0 {
			col.width = n
			c.limits[len(shown)] = n
		} else if wide {
			return nil, fmt.Errorf("%q is no width", width)
		}
		switch {
		case titled:
			col.title = title
		case c.format == nil:
			col.title = c.title(name, col.title)
		}
		shown = append(shown, col)
	}
	if c.format != nil && !slices.ContainsFunc(shown, func(col column) bool { return col.title != "" }) {
		c.noTitle = true
	}
	return shown, nil
}

// title returns the title of a column that was not chosen by -o.
func (c *psCall) title(name, title string) string {
	switch {
	case c.full && name == "user":
		return "UID"
	case c.full && name == "start":
		return "STIME"
	case c.threads == 'T' && name == "lwp":
		return "SPID"
	}
	return title
}
