package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

const interrupted = 128 + int(syscall.SIGINT)

// call replaces commands that the interpreter takes for unsupported builtins. kill is a program of the toolbox.
func (s *shell) call(ctx context.Context, args []string) ([]string, error) {
	hc := interp.HandlerCtx(ctx)
	if command, ok := s.jobCommand(ctx, hc, args); ok {
		return command, nil
	}
	switch args[0] {
	case "kill":
		path, err := interp.LookPathDir(hc.Dir, hc.Env, "kill")
		if err != nil {
			return args, nil
		}
		return append([]string{path}, args[1:]...), nil
	case "echo", "printf", "pwd":
		return printed(hc, args), nil
	case ".", "source":
		if message := unreadable(hc.Dir, args); message != "" { // the interpreter's own has the name as it is
			fmt.Fprintln(hc.Stderr, message)
			return []string{"false"}, nil
		}
	case "umask":
		return umask(hc.Stdout, hc.Stderr, args[1:]), nil
	case "history":
		for i, line := range s.history {
			fmt.Fprintf(hc.Stdout, "%5d  %s\n", i+1, line)
		}
		return []string{"true"}, nil
	}
	return args, nil
}

// unreadable returns why a file with a path can't be read by the shell, or nothing.
func unreadable(dir string, args []string) string {
	if len(args) < 2 || !strings.Contains(args[1], "/") {
		return ""
	}
	file := args[1]
	if !path.IsAbs(file) {
		file = path.Join(dir, file)
	}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return fmt.Sprintf("%s: %v", tool.Printable(args[1]), reason(err))
	case info.IsDir():
		return tool.Printable(args[1]) + ": is a directory"
	}
	return ""
}

// umask prints or sets the mask, and returns a command with the status that is wanted.
func umask(stdout, stderr io.Writer, args []string) []string {
	if len(args) == 0 {
		old := unix.Umask(0)
		unix.Umask(old)
		fmt.Fprintf(stdout, "%04o\n", old)
		return []string{"true"}
	}
	mask, err := strconv.ParseUint(args[0], 8, 9)
	if err != nil {
		fmt.Fprintf(stderr, "umask: %s is no octal number\n", strconv.Quote(args[0]))
		return []string{"false"}
	}
	unix.Umask(int(mask))
	return []string{"true"}
}

// execute runs a program. Unlike the interpreter's own handler, it waits for a program that catches SIGINT, and
// tells why one ended.
func (s *shell) execute(ctx context.Context, args []string) error {
	hc := interp.HandlerCtx(ctx)
	if args[0] == statusCommand && len(args) == 2 {
		if status, _ := strconv.Atoi(args[1]); status != 0 {
			return interp.ExitStatus(status)
		}
		return nil
	}
	program, err := interp.LookPathDir(hc.Dir, hc.Env, args[0])
	if err != nil {
		return missing(hc, args[0])
	}
	cmd := &exec.Cmd{
		Path: program, Args: args, Env: exported(hc.Env), Dir: hc.Dir,
		Stdin: hc.Stdin, Stdout: hc.Stdout, Stderr: hc.Stderr,
	}
	j := s.jobs.of(ctx)
	p, err := s.jobs.start(j, cmd)
	if errors.Is(err, unix.ENOEXEC) { // a script without a first line that names its interpreter
		cmd = &exec.Cmd{
			Path: tool.Self(), Args: append([]string{"sh", program}, args[1:]...), Env: cmd.Env, Dir: hc.Dir,
			Stdin: hc.Stdin, Stdout: hc.Stdout, Stderr: hc.Stderr,
		}
		p, err = s.jobs.start(j, cmd)
	}
	if err != nil {
		if ctx.Err() != nil { // it has been ended meanwhile
			return ctx.Err()
		}
		fmt.Fprintf(hc.Stderr, "%s: %v\n", tool.Printable(args[0]), reason(err))
		return interp.ExitStatus(tool.CannotRun)
	}
	if s.jobs.wait(p) {
		return interp.ExitStatus(j.stoppedStatus())
	}
	return s.ended(ctx, hc, p)
}

// missing explains why a program was not found.
func missing(hc interp.HandlerContext, name string) error {
	shown := tool.Printable(name)
	if strings.Contains(name, "/") {
		file := name
		if !path.IsAbs(file) {
			file = path.Join(hc.Dir, file)
		}
		info, err := os.Stat(file)
		switch {
		case err == nil && info.IsDir():
			fmt.Fprintf(hc.Stderr, "%s: is a directory\n", shown)
			return interp.ExitStatus(tool.CannotRun)
		case err == nil:
			fmt.Fprintf(hc.Stderr, "%s: permission denied\n", shown)
			return interp.ExitStatus(tool.CannotRun)
		}
		fmt.Fprintf(hc.Stderr, "%s: %v\n", shown, reason(err))
		return interp.ExitStatus(tool.NotFound)
	}
	switch name {
	case "emacs", "pico", "vi", "view", "vim":
		fmt.Fprintf(hc.Stderr, "%s: not found; the editor here is nano\n", shown)
	default:
		fmt.Fprintf(hc.Stderr, "%s: not found\n", shown)
	}
	return interp.ExitStatus(tool.NotFound)
}

// reason returns what the kernel says, without the call's name and path.
func reason(err error) error {
	if errno, ok := errors.AsType[unix.Errno](err); ok {
		return errno
	}
	return err
}

// ended returns the status of a program for the interpreter.
func (s *shell) ended(ctx context.Context, hc interp.HandlerContext, p *process) error {
	var exit *exec.ExitError
	if !errors.As(p.err, &exit) {
		return p.err
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return interp.ExitStatus(exit.ExitCode())
	}
	signal := status.Signal()
	switch {
	case signal == syscall.SIGINT && s.jobs.control && !p.job.background: // ^C went to the program only
		if p.job.interrupt != nil {
			p.job.interrupt()
		}
		return ctx.Err() // ends a loop too
	case signal == syscall.SIGINT && !s.jobs.control && !p.job.background && isInterrupted(ctx):
		return ctx.Err()
	case p.job.ending != 0 || s.jobs.control && p.job.background: // it was asked for, or is reported before the prompt
		return interp.ExitStatus(128 + int(signal))
	}
	if signal != syscall.SIGINT && signal != syscall.SIGPIPE {
		text := signal.String()
		if status.CoreDump() {
			text += " (core dumped)"
		}
		fmt.Fprintln(hc.Stderr, strings.ToUpper(text[:1])+text[1:])
	}
	return interp.ExitStatus(128 + int(signal))
}

// isInterrupted reports whether ^C ended the program of an interactive shell. It gives the shell's own SIGINT, which was
// sent at the same time, a moment to arrive: without it the next command of the line would run.
func isInterrupted(ctx context.Context) bool {
	if ctx.Done() == nil { // of a script
		return false
	}
	const moment = time.Second
	select {
	case <-ctx.Done():
		return true
	case <-time.After(moment):
		return false // another process sent the signal
	}
}

// exported returns the variables that a program inherits.
func exported(env expand.Environ) []string {
	var list []string
	for name, v := range env.Each {
		if v.Exported && v.Kind == expand.String {
			list = append(list, name+"="+v.String())
		}
	}
	return list
}
