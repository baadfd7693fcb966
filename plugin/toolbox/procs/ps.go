package procs

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

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
