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

// signalOf returns the signal with a number or a name such as TERM or SIGTERM.
func signalOf(text string) (syscall.Signal, error) {
	if n, err := strconv.Atoi(text); err == nil && n >= 0 && n <= 64 {
		return syscall.Signal(n), nil
	}
	name := strings.ToUpper(text)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if s := unix.SignalNum(name); s != 0 {
		return s, nil
	}
	return 0, fmt.Errorf("%q is no signal", text)
}

// signalOption takes a signal such as -9, -KILL or -s KILL out of the arguments.
func signalOption(args []string) (signal syscall.Signal, rest []string, err error) {
	signal = syscall.SIGTERM
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			return signal, append(rest, args[i+1:]...), nil
		case (arg == "-s" || arg == "--signal") && i+1 < len(args):
			i++
			if signal, err = signalOf(args[i]); err != nil {
				return 0, nil, err
			}
		case len(arg) > 1 && arg[0] == '-' && len(rest) == 0:
			if s, err := signalOf(arg[1:]); err == nil && (len(arg) > 2 || arg[1] >= '0' && arg[1] <= '9') {
				signal = s
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
			s, err := signalOf(numbers[0])
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
	status := 0
	for _, name := range rest {
		if strings.HasPrefix(name, "-") {
			continue
		}
		if one := match("killall", signal, []string{"-x", "--", regexp.QuoteMeta(name)}); one != 0 {
			status = tool.Complain("killall", fmt.Errorf("%s: no process", name))
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
