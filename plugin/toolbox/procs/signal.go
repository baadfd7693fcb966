package procs

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

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
		fmt.Fprintln(os.Stderr, "usage: kill [-SIGNAL | -s SIGNAL] PID...\n       kill -l [NUMBER]")
		return tool.Usage
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
		n, err := strconv.Atoi(numbers[0])
		if err != nil {
			s, err := tool.Signal(numbers[0])
			if err != nil {
				return tool.Complain("kill", err)
			}
			fmt.Println(int(s))
			return 0
		}
		if n > 128 {
			n -= 128
		}
		fmt.Println(strings.TrimPrefix(unix.SignalName(syscall.Signal(n)), "SIG"))
		return 0
	}
	for n := 1; n < 32; n++ {
		end := "\n"
		if n%8 != 0 && n != 31 {
			end = " "
		}
		fmt.Printf("%2d %-8s%s", n, strings.TrimPrefix(unix.SignalName(syscall.Signal(n)), "SIG"), end)
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
	fmt.Println(strings.Join(found, " "))
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

func match(name string, signal syscall.Signal, args []string) int {
	f := tool.Flags(name, "[OPTIONS] [PATTERN]")
	full := f.BoolP("full", "f", false, "match the whole command line")
	exact := f.BoolP("exact", "x", false, "the whole name must match")
	list := f.BoolP("list-name", "l", false, "print names too")
	listFull := f.BoolP("list-full", "a", false, "print command lines too")
	invert := f.BoolP("inverse", "v", false, "processes that don't match")
	counted := f.BoolP("count", "c", false, "print their number")
	newest := f.BoolP("newest", "n", false, "the newest only")
	oldest := f.BoolP("oldest", "o", false, "the oldest only")
	fold := f.BoolP("ignore-case", "i", false, "ignore case")
	users := f.StringSliceP("euid", "u", nil, "of these users")
	parents := f.IntSliceP("parent", "P", nil, "of these parents")
	delimiter := f.StringP("delimiter", "d", "\n", "what is printed between numbers")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() > 1 || f.NArg() == 0 && len(*users) == 0 && len(*parents) == 0 {
		f.Usage()
		return tool.Usage
	}
	pattern := f.Arg(0)
	if *exact {
		pattern = "^(?:" + pattern + ")$"
	}
	if *fold {
		pattern = "(?i)" + pattern
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		tool.Complain(name, err)
		return tool.Usage
	}
	var ids []uint32
	for _, user := range *users {
		id, ok := accounts.Users().ID(user)
		if !ok {
			return tool.Complain(name, fmt.Errorf("there is no user %q", user))
		}
		ids = append(ids, id)
	}
	var found []process
	for _, p := range all() {
		text := p.comm
		if *full {
			text = p.args()
		}
		ok := re.MatchString(text) && (ids == nil || slices.Contains(ids, p.uid)) && (*parents == nil || slices.Contains(*parents, p.ppid))
		if ok != *invert && p.pid != os.Getpid() {
			found = append(found, p)
		}
	}
	if len(found) > 0 && (*newest || *oldest) {
		slices.SortStableFunc(found, func(a, b process) int { return int(a.start) - int(b.start) })
		if *newest {
			found = found[len(found)-1:]
		} else {
			found = found[:1]
		}
	}
	return act(name, signal, found, *counted, *list, *listFull, *delimiter)
}

// act prints the processes, or sends them a signal.
func act(name string, signal syscall.Signal, found []process, counted, list, listFull bool, delimiter string) int {
	w := bufio.NewWriter(os.Stdout)
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
