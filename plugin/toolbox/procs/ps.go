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
	jobs, noLeaders, running, unlimited                                 bool
	limits                                                              map[int]int // the width that a column was given
	threads                                                             rune        // the letter that asked for them, or 0
	pids, parents                                                       []int
	users                                                               []uint32
	commands, format, order                                             []string
}

// Ps prints processes. It takes the options of System V (ps -ef) and of BSD (ps aux).
func Ps(args []string) int {
	c := &psCall{}
	for len(args) > 0 {
		rest, err := c.option(args)
		if err != nil {
			fmt.Fprintf(os.Stderr, "ps: %v\nusage: ps [aux] [-AadefFHjLlrTw] [-p PIDS] [-u USERS] [-C NAMES] [-o COLUMNS] [--ppid PIDS] [--sort [-]COLUMN] [--no-headers] [--forest]\n", err)
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
	if c.none {
		return 1
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
		if strings.ContainsRune("opuUCk", letter) && (dash || letter == 'o' || letter == 'p' || letter == 'k' || letter == 'U') {
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
	case 'L', 'T':
		if !dash { // BSD's letters have other meanings
			return fmt.Errorf("option %c is not supported here without a dash", letter)
		}
		c.threads = letter
	case 'H':
		if dash {
			c.forest = true
		} else {
			c.threads, c.bsd = 'H', true
		}
	case 'j':
		c.jobs = true
	case 'd':
		c.everything, c.noLeaders = true, true
	case 'r':
		c.running = true
	case 'w':
		c.unlimited = true
	case 'h':
		c.noTitle = true
	case 'g', 'y': // of all BSDs, and of -l: no difference here
	default:
		return fmt.Errorf("option %c is not supported here", letter)
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
	if c.running && p.state != "R" && p.state != "D" || c.noLeaders && p.session == p.pid {
		return false
	}
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
	if c.format == nil {
		names = c.added(names)
	}
	var shown []column
	c.limits = make(map[int]int)
	for _, name := range names {
		name, title, titled := strings.Cut(name, "=")
		name, width, wide := strings.Cut(name, ":")
		col, ok := columnOf(name)
		if n, err := strconv.Atoi(width); wide && err == nil && n > 0 {
			col.width = n
			c.limits[len(shown)] = n
		} else if wide {
			return nil, fmt.Errorf("%q is no width", width)
		}
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
		if c.threads == 'T' && c.format == nil && name == "lwp" {
			col.title = "SPID"
		}
		shown = append(shown, col)
	}
	if c.format != nil && !slices.ContainsFunc(shown, func(col column) bool { return col.title != "" }) {
		c.noTitle = true
	}
	return shown, nil
}
