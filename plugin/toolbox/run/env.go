package run

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// replaceBy runs a program in the place of this one, and returns its status if it can't be run. The program's file
// may be given.
func replaceBy(name string, args []string, file ...string) int {
	var path string
	var err error
	if len(file) > 0 {
		path = file[0]
	} else {
		path, err = exec.LookPath(args[0])
	}
	if err == nil {
		err = unix.Exec(path, args, os.Environ())
	}
	reason := err
	if lookup, ok := errors.AsType[*exec.Error](err); ok {
		reason = lookup.Err
	}
	tool.Complain(name, fmt.Errorf("%s: %w", tool.Printable(args[0]), reason))
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return tool.NotFound
	}
	return tool.CannotRun
}

// Env prints variables, or runs a program with others.
func Env(args []string) int {
	f := tool.Flags("env", "[-i0] [-u NAME] [-C DIR] [NAME=VALUE...] [COMMAND [ARG...]]")
	f.SetInterspersed(false)
	empty := f.BoolP("ignore-environment", "i", false, "no variables but these")
	unset := f.StringArrayP("unset", "u", nil, "without this variable")
	dir := f.StringP("chdir", "C", "", "the working directory")
	zero := f.BoolP("null", "0", false, "print NUL instead of newlines")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	path := os.Getenv("PATH")
	if *empty {
		os.Clearenv()
	}
	for _, name := range *unset {
		os.Unsetenv(name)
	}
	rest := f.Args()
	for len(rest) > 0 && strings.Contains(rest[0], "=") {
		name, value, _ := strings.Cut(rest[0], "=")
		os.Setenv(name, value)
		rest = rest[1:]
	}
	if *dir != "" {
		if err := os.Chdir(*dir); err != nil {
			tool.Complain("env", err)
			return 125
		}
	}
	if len(rest) > 0 {
		if _, ok := os.LookupEnv("PATH"); !ok { // the program is looked for, but gets no PATH
			if program, err := exec.LookPath(rest[0]); err == nil {
				return replaceBy("env", rest, program)
			}
			os.Setenv("PATH", path)
			program, err := exec.LookPath(rest[0])
			os.Unsetenv("PATH")
			if err == nil {
				return replaceBy("env", rest, program)
			}
		}
		return replaceBy("env", rest)
	}
	end := "\n"
	if *zero {
		end = "\x00"
	}
	for _, line := range os.Environ() {
		tool.Print(line + end)
	}
	return 0
}

// Printenv prints variables.
func Printenv(args []string) int {
	if len(args) == 0 {
		return Env(nil)
	}
	status := 0
	for _, name := range args {
		value, ok := os.LookupEnv(name)
		if !ok {
			status = 1
			continue
		}
		tool.Println(value)
	}
	return status
}

// duration parses a number of seconds, or one with s, m, h or d.
func duration(text string) (time.Duration, error) {
	unit := time.Second
	digits := strings.TrimRight(text, "smhd")
	switch text[len(digits):] {
	case "", "s":
	case "m":
		unit = time.Minute
	case "h":
		unit = time.Hour
	case "d":
		unit = 24 * time.Hour
	default:
		return 0, fmt.Errorf("%q is no time", text)
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is no time", text)
	}
	return time.Duration(n * float64(unit)), nil
}

// Sleep waits.
func Sleep(args []string) int {
	total := time.Duration(0)
	for _, arg := range args {
		d, err := duration(arg)
		if err != nil {
			return tool.Complain("sleep", err)
		}
		total += d
	}
	if len(args) == 0 {
		return tool.Usage("sleep", "usage: sleep TIME[smhd]...")
	}
	time.Sleep(total)
	return 0
}

// Timeout runs a command and ends it after a time.
func Timeout(args []string) int {
	f := tool.Flags("timeout", "[-s SIGNAL] [-k TIME] TIME COMMAND [ARG...]")
	f.SetInterspersed(false)
	name := f.StringP("signal", "s", "TERM", "the signal to send")
	kill := f.StringP("kill-after", "k", "", "send KILL after so much more")
	f.Bool("foreground", false, "the command stays in the foreground (the default)")
	verbose := f.BoolP("verbose", "v", false, "say which signal is sent")
	preserve := f.Bool("preserve-status", false, "the command's status, also if it was ended")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() < 2 {
		f.Usage()
		return 125
	}
	limit, err := duration(f.Arg(0))
	var signalNumber syscall.Signal
	if err == nil {
		signalNumber, err = tool.Signal(*name)
	}
	var more time.Duration
	if err == nil && *kill != "" {
		more, err = duration(*kill)
	}
	if err != nil {
		tool.Complain("timeout", err)
		return 125
	}
	cmd := exec.Command(f.Arg(1), f.Args()[2:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		status, err := tool.Status(err)
		tool.Complain("timeout", err)
		return status
	}
	var late atomic.Bool
	if limit > 0 {
		defer time.AfterFunc(limit, func() {
			late.Store(true)
			if *verbose {
				fmt.Fprintf(os.Stderr, "timeout: sending signal %s to command '%s'\n", strings.TrimPrefix(unix.SignalName(signalNumber), "SIG"), tool.Printable(f.Arg(1)))
			}
			_ = cmd.Process.Signal(signalNumber)
			if more > 0 {
				time.AfterFunc(more, func() { _ = cmd.Process.Kill() })
			}
		}).Stop()
	}
	status, err := tool.Status(cmd.Wait())
	if err != nil {
		tool.Complain("timeout", err)
	}
	if late.Load() && !*preserve {
		if signalNumber == syscall.SIGKILL { // as if it had killed itself, as in GNU's timeout
			return 128 + int(syscall.SIGKILL)
		}
		return 124
	}
	return status
}

// Nohup runs a command that ignores SIGHUP.
func Nohup(args []string) int {
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: nohup COMMAND [ARG...]")
		return 125
	}
	signal.Ignore(syscall.SIGHUP)
	if tool.Terminal() {
		file, err := os.OpenFile("nohup.out", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			tool.Complain("nohup", err)
			return 125
		}
		fmt.Fprintln(os.Stderr, "nohup: output goes to nohup.out")
		if err := errors.Join(unix.Dup3(int(file.Fd()), 1, 0), unix.Dup3(1, 2, 0)); err != nil {
			tool.Complain("nohup", err)
			return 125
		}
	}
	return replaceBy("nohup", args)
}

// Yes prints a line again and again.
func Yes(args []string) int {
	line := strings.Join(args, " ")
	if line == "" {
		line = "y"
	}
	out, flush := tool.Output()
	defer flush()
	for {
		if _, err := out.WriteString(line + "\n"); err != nil {
			return 1
		}
	}
}

// Tty prints the terminal of standard input.
func Tty(args []string) int {
	name, err := os.Readlink(tool.Proc("fd/0"))
	if _, notTerminal := unix.IoctlGetTermios(0, unix.TCGETS); err != nil || notTerminal != nil {
		if !slices.Contains(args, "-s") {
			tool.Println("not a tty")
		}
		return 1
	}
	if !slices.Contains(args, "-s") {
		tool.Println(name)
	}
	return 0
}

// Nproc prints the number of processors that a process may use.
func Nproc([]string) int {
	tool.Println(runtime.NumCPU())
	return 0
}

// Sync writes all that is to be written to disks.
func Sync([]string) int {
	unix.Sync()
	return 0
}

// Clear clears the screen.
func Clear([]string) int {
	tool.Print("\x1b[H\x1b[2J\x1b[3J")
	return 0
}
