package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/interp"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// jobCommand does what the commands about jobs do, and returns a command with their status. ok is false for others.
func (s *shell) jobCommand(ctx context.Context, hc interp.HandlerContext, args []string) (command []string, ok bool) {
	t := s.jobs
	status, err := 0, error(nil)
	switch args[0] {
	case "fg":
		status, err = t.resume(ctx, hc.Stdout, args[1:])
	case "bg":
		err = t.background(hc.Stderr, args[1:])
	case "jobs":
		err = t.print(hc.Stdout, args[1:])
	case "disown":
		err = t.disown(args[1:])
	case "kill":
		if !slices.ContainsFunc(args[1:], t.isNamed) {
			return nil, false
		}
		err = t.kill(args[1:])
	case "wait":
		return t.waiting(ctx, hc.Stderr, args)
	default:
		return nil, false
	}
	if err != nil {
		fmt.Fprintf(hc.Stderr, "%s: %s: %v\n", s.name, args[0], err)
		status = 1
	}
	return withStatus(status), true
}

var errNoControl = errors.New("no job control")

// find returns the job that %N, %%, %-, %TEXT or $! names, or the current one for no arguments.
func (t *jobTable) find(args []string) (*job, error) {
	spec := "%+"
	if len(args) > 0 {
		spec = args[0]
	}
	if j := t.names[spec]; j != nil {
		return j, nil
	}
	n := len(t.list)
	name, isSpec := strings.CutPrefix(spec, "%")
	number, failed := strconv.Atoi(name)
	var at int
	switch {
	case !isSpec:
		at = slices.IndexFunc(t.list, func(j *job) bool {
			return j.alias == spec || failed == nil && (j.last == number || slices.Contains(j.alive, number))
		})
	case name == "+" || name == "%" || name == "":
		at = n - 1
	case name == "-":
		at = n - 2
	case failed == nil:
		at = slices.IndexFunc(t.list, func(j *job) bool { return j.number == number })
	default:
		at = slices.IndexFunc(t.list, func(j *job) bool { return strings.HasPrefix(j.command, name) })
	}
	if at >= 0 {
		return t.list[at], nil
	}
	if len(args) == 0 {
		spec = "current"
	}
	return nil, fmt.Errorf("%s: no such job", tool.Printable(spec))
}

// named returns the jobs that are named, or all for no arguments.
func (t *jobTable) named(args []string) ([]*job, error) {
	if len(args) == 0 {
		return slices.Clone(t.list), nil
	}
	var list []*job
	for _, arg := range args {
		j, err := t.find([]string{arg})
		if err != nil {
			return nil, err
		}
		list = append(list, j)
	}
	return list, nil
}

// isNamed reports whether an argument of kill names a job or the shell, and no other process.
func (t *jobTable) isNamed(arg string) bool {
	if strings.HasPrefix(arg, "%") || arg == strconv.Itoa(os.Getpid()) {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.names[arg] != nil
}

// resume continues a job in the foreground, and waits for it.
func (t *jobTable) resume(ctx context.Context, out io.Writer, args []string) (status int, err error) {
	stop := context.AfterFunc(ctx, t.wake)
	defer stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.control {
		return 1, errNoControl
	}
	j, err := t.find(args)
	if err != nil {
		return 1, err
	}
	fmt.Fprintln(out, tool.Printable(j.command))
	statement := t.front
	j.stop, j.interrupt = statement.stop, statement.interrupt
	if j.shell {
		j.interrupt = func() {
			j.end(unix.SIGINT)
			if statement.interrupt != nil {
				statement.interrupt()
			}
		}
	}
	t.front, j.background, j.stopped, j.halted = j, false, false, nil
	if j.mode != nil {
		_ = j.mode.ApplyMode()
	}
	t.toForeground(j)
	t.changed.Broadcast()
	for !j.done && !j.stopped && ctx.Err() == nil {
		t.changed.Wait()
	}
	t.front = statement
	_ = giveTerminal(t.own)
	if j.shell && !j.stopped && !j.done { // ^C
		j.end(unix.SIGINT)
		t.forget(j)
		return interrupted, nil
	}
	if !j.done {
		j.background = true
		return j.stoppedStatus(), nil
	}
	t.forget(j)
	if j.status.Signaled() && j.status.Signal() == syscall.SIGINT && statement.interrupt != nil {
		statement.interrupt()
	}
	return j.exit(), nil
}

// background continues a job in the background.
func (t *jobTable) background(out io.Writer, args []string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.control {
		return errNoControl
	}
	j, err := t.find(args)
	if err != nil {
		return err
	}
	t.proceed(j)
	fmt.Fprintf(out, "[%d]+ %s &\n", j.number, tool.Printable(j.command))
	return nil
}

// proceed continues a job that is stopped.
func (t *jobTable) proceed(j *job) {
	j.stopped, j.halted = false, nil
	if j.group != 0 {
		_ = unix.Kill(-j.group, unix.SIGCONT)
	}
	t.changed.Broadcast()
}

// print prints the jobs.
func (t *jobTable) print(out io.Writer, args []string) error {
	options, args, err := jobOptions(args)
	if err != nil {
		return err
	}
	if options != "" {
		t.mu.Lock()
		all := slices.Clone(t.list)
		t.mu.Unlock()
		for _, j := range all {
			if j.shell {
				_ = t.nameOf(j)
			}
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	list, err := t.named(args)
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b *job) int { return a.number - b.number })
	for _, j := range list {
		if strings.Contains(options, "r") && (j.stopped || j.done) || strings.Contains(options, "s") && !j.stopped {
			continue
		}
		line := t.line(j)
		switch {
		case strings.Contains(options, "p"):
			line = j.leader()
		case strings.Contains(options, "l"):
			line = fmt.Sprintf("%s%6s %s", line[:strings.Index(line, "]")+2], j.leader(), line[strings.Index(line, "]")+4:])
		}
		fmt.Fprintln(out, line)
		if j.done {
			t.forget(j)
		}
	}
	return nil
}

// jobOptions separates the options of jobs from its arguments.
func jobOptions(args []string) (letters string, rest []string, err error) {
	for i, arg := range args {
		if len(arg) < 2 || arg[0] != '-' {
			return letters, args[i:], nil
		}
		if strings.Trim(arg[1:], "lprs") != "" {
			return "", nil, fmt.Errorf("%s is not supported here", tool.Printable(arg))
		}
		letters += arg[1:]
	}
	return letters, nil, nil
}

// leader returns the number of the process that stands for a job, or the name that nameOf has given to it: kill takes both.
func (j *job) leader() string {
	if j.shell {
		return j.name
	}
	return strconv.Itoa(j.last)
}

// disown forgets jobs.
func (t *jobTable) disown(args []string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	j, err := t.find(args)
	if err == nil {
		t.forget(j)
	}
	return err
}

// exit returns the status of a job that has ended.
func (j *job) exit() int {
	if j.shell {
		return j.code
	}
	if j.status.Signaled() {
		return 128 + int(j.status.Signal())
	}
	return j.status.ExitStatus()
}
