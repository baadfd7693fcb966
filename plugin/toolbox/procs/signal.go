package procs

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// signalOption takes a signal such as -9, -KILL or -s KILL out of the arguments. Only the first such word is one: in
// "kill -9 -7", 7 is a group of processes.
func signalOption(args []string) (signal syscall.Signal, rest []string, err error) {
	signal = syscall.SIGTERM
	found := false
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			return signal, append(rest, args[i:]...), nil
		case found:
			rest = append(rest, arg)
		case (arg == "-s" || arg == "--signal") && i+1 < len(args):
			i++
			if signal, err = tool.Signal(args[i]); err != nil {
				return 0, nil, err
			}
			found = true
		case len(arg) > 1 && arg[0] == '-' && (len(arg) > 2 || arg[1] >= '0' && arg[1] <= '9'):
			if s, err := tool.Signal(arg[1:]); err == nil {
				signal, found = s, true
				continue
			}
			rest = append(rest, arg)
		default:
			rest = append(rest, arg)
		}
	}
	return signal, rest, nil
}

// Kill sends signals.
func Kill(args []string) int {
	if len(args) > 0 && (args[0] == "-l" || args[0] == "-L" || args[0] == "--list") {
		return listSignals(args[1:])
	}
	signal, pids, err := signalOption(args)
	if err != nil {
		return tool.Complain("kill", err)
	}
	if len(pids) > 0 && pids[0] == "--" {
		pids = pids[1:]
	}
	if len(pids) == 0 || pids[0] == "--help" {
		return tool.Usage("kill", "usage: kill [-SIGNAL | -s SIGNAL] PID...\n       kill -l [NUMBER]")
	}
	status := 0
	for _, text := range pids {
		pid, err := strconv.Atoi(text)
		if err != nil {
			status = tool.Complain("kill", fmt.Errorf("%q is no process's number", text))
			continue
		}
		if err := unix.Kill(pid, signal); err != nil {
			status = tool.Complain("kill", fmt.Errorf("%d: %w", pid, err))
		}
	}
	return status
}

func listSignals(numbers []string) int {
	if len(numbers) > 0 {
		return tool.Each("kill", numbers, func(text string) error {
			n, err := strconv.Atoi(text)
			if err != nil {
				s, err := tool.Signal(text)
				if err == nil {
					tool.Println(int(s))
				}
				return err
			}
			if n > 128 { // the status of a program that it has ended
				n -= 128
			}
			tool.Println(strings.TrimPrefix(unix.SignalName(syscall.Signal(n)), "SIG"))
			return nil
		})
	}
	for n := 1; n < 32; n++ {
		end := "\n"
		if n%8 != 0 && n != 31 {
			end = " "
		}
		tool.Printf("%2d %-8s%s", n, strings.TrimPrefix(unix.SignalName(syscall.Signal(n)), "SIG"), end)
	}
	return 0
}

// Pidof prints the numbers of programs' processes.
func Pidof(args []string) int {
	f := tool.Flags("pidof", "[-s] [-o PID] NAME...")
	single := f.BoolP("single", "s", false, "one only")
	omit := f.IntSliceP("omit", "o", nil, "processes to leave out")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	var found []string
	list := all()
	slices.Reverse(list)
	for _, name := range f.Args() {
		for _, p := range list {
			program, _, _ := strings.Cut(p.command, " ")
			if p.pid == os.Getpid() || slices.Contains(*omit, p.pid) || p.comm != name && path.Base(program) != name && program != name {
				continue
			}
			found = append(found, strconv.Itoa(p.pid))
			if *single {
				break
			}
		}
	}
	if len(found) == 0 {
		return 1
	}
	tool.Println(strings.Join(found, " "))
	return 0
}

// Pgrep prints processes that match.
func Pgrep(args []string) int { return match("pgrep", 0, args) }

// Pkill sends a signal to processes that match.
func Pkill(args []string) int {
	signal, rest, err := signalOption(args)
	if err != nil {
		return tool.Complain("pkill", err)
	}
	return match("pkill", signal, rest)
}

// Killall sends a signal to processes with a name.
func Killall(args []string) int {
	signal, rest, err := signalOption(args)
	if err != nil {
		return tool.Complain("killall", err)
	}
	f := tool.Flags("killall", "[-SIGNAL | -s SIGNAL] [-eqI] NAME...")
	f.BoolP("exact", "e", true, "the whole name must match (the default)")
	quiet := f.BoolP("quiet", "q", false, "no word about names without a process")
	fold := f.BoolP("ignore-case", "I", false, "ignore case")
	if status, ok := tool.Parse(f, rest); !ok {
		return status
	}
	options := []string{"-x"}
	if *fold {
		options = append(options, "-i")
	}
	status := 0
	for _, name := range f.Args() {
		if match("killall", signal, append(slices.Clip(options), "--", regexp.QuoteMeta(name))) == 0 {
			continue
		}
		status = 1
		if !*quiet {
			tool.Complain("killall", fmt.Errorf("%s: no process", tool.Printable(name)))
		}
	}
	return status
}

// matching is a call of pgrep, pkill or killall.
type matching struct {
	full, exact, list, listFull, invert, counted, newest, oldest, fold bool
	users, realUsers, terminals                                        []string
	parents, groups, sessions                                          []int
	states, delimiter                                                  string

	re           *regexp.Regexp
	ids, realIDs []uint32
}

func (m *matching) flags(f *pflag.FlagSet) {
	f.BoolVarP(&m.full, "full", "f", false, "match the whole command line")
	f.BoolVarP(&m.exact, "exact", "x", false, "the whole name must match")
	f.BoolVarP(&m.list, "list-name", "l", false, "print names too")
	f.BoolVarP(&m.listFull, "list-full", "a", false, "print command lines too")
	f.BoolVarP(&m.invert, "inverse", "v", false, "processes that don't match")
	f.BoolVarP(&m.counted, "count", "c", false, "print their number")
	f.BoolVarP(&m.newest, "newest", "n", false, "the newest only")
	f.BoolVarP(&m.oldest, "oldest", "o", false, "the oldest only")
	f.BoolVarP(&m.fold, "ignore-case", "i", false, "ignore case")
	f.StringSliceVarP(&m.users, "euid", "u", nil, "of these users")
	f.StringSliceVarP(&m.realUsers, "uid", "U", nil, "started by these users")
	f.IntSliceVarP(&m.parents, "parent", "P", nil, "of these parents")
	f.IntSliceVarP(&m.groups, "pgroup", "g", nil, "of these groups of processes")
	f.IntSliceVarP(&m.sessions, "session", "s", nil, "of these sessions")
	f.StringSliceVarP(&m.terminals, "terminal", "t", nil, "of these terminals")
	f.StringVarP(&m.states, "runstates", "r", "", "in these states")
	f.StringVarP(&m.delimiter, "delimiter", "d", "\n", "what is printed between numbers")
}

// compile takes the pattern and the users.
func (m *matching) compile(pattern string) (err error) {
	if m.exact {
		pattern = "^(?:" + pattern + ")$"
	}
	if m.fold {
		pattern = "(?i)" + pattern
	}
	if m.re, err = regexp.Compile(pattern); err != nil {
		return err
	}
	if m.ids, err = usersOf(m.users); err == nil {
		m.realIDs, err = usersOf(m.realUsers)
	}
	return err
}

func usersOf(names []string) (ids []uint32, err error) {
	for _, name := range names {
		id, ok := accounts.Users().ID(name)
		if !ok {
			return nil, fmt.Errorf("there is no user %q", name)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// matches reports whether a process is one of those that are looked for.
func (m *matching) matches(p *process) bool {
	text := p.comm
	if m.full {
		text = p.args()
	}
	return m.re.MatchString(text) && (m.ids == nil || slices.Contains(m.ids, p.uid)) && (m.realIDs == nil || slices.Contains(m.realIDs, p.ruid)) &&
		(m.parents == nil || slices.Contains(m.parents, p.ppid)) && (m.groups == nil || slices.Contains(m.groups, p.pgrp)) &&
		(m.sessions == nil || slices.Contains(m.sessions, p.session)) && (m.terminals == nil || slices.Contains(m.terminals, p.terminal())) &&
		(m.states == "" || strings.Contains(m.states, p.state))
}

// chooses reports whether there is a choice besides the pattern.
func (m *matching) chooses() bool {
	return m.users != nil || m.realUsers != nil || m.parents != nil || m.groups != nil || m.sessions != nil || m.terminals != nil || m.states != ""
}

func match(name string, signal syscall.Signal, args []string) int {
	m := &matching{}
	f := tool.Flags(name, "[OPTIONS] [PATTERN]")
	m.flags(f)
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() > 1 || f.NArg() == 0 && !m.chooses() {
		return tool.Misused(f)
	}
	if err := m.compile(f.Arg(0)); err != nil {
		return tool.Refuse(name, err)
	}
	var found []process
	for _, p := range all() {
		if m.matches(&p) != m.invert && p.pid != os.Getpid() {
			found = append(found, p)
		}
	}
	if len(found) > 0 && (m.newest || m.oldest) {
		slices.SortStableFunc(found, func(a, b process) int { return cmp.Compare(a.start, b.start) })
		if m.newest {
			found = found[len(found)-1:]
		} else {
			found = found[:1]
		}
	}
	return act(name, signal, found, m.counted, m.list, m.listFull, m.delimiter)
}

// act prints the processes, or sends them a signal.
func act(name string, signal syscall.Signal, found []process, counted, list, listFull bool, delimiter string) int {
	w := bufio.NewWriter(tool.Stdout)
	defer w.Flush()
	if counted {
		fmt.Fprintln(w, len(found))
	}
	failed := false
	for i, p := range found {
		switch {
		case name != "pgrep":
			if err := unix.Kill(p.pid, signal); err != nil && !errors.Is(err, unix.ESRCH) {
				failed = true
				tool.Complain(name, fmt.Errorf("%d: %w", p.pid, err))
			}
		case counted:
		case listFull:
			fmt.Fprintf(w, "%d %s\n", p.pid, tool.Printable(p.args()))
		case list:
			fmt.Fprintf(w, "%d %s\n", p.pid, tool.Printable(p.comm))
		default:
			end := delimiter
			if i == len(found)-1 {
				end = "\n"
			}
			fmt.Fprintf(w, "%d%s", p.pid, end)
		}
	}
	if len(found) == 0 || failed {
		return 1
	}
	return 0
}
