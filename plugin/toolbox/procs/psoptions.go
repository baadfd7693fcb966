package procs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
)

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
