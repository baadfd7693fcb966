package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/shell/builtin"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/shell/hook"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

const interrupted = 128 + int(syscall.SIGINT)

// call replaces commands that the interpreter takes for unsupported builtins. kill is a program of the toolbox.
func (s *shell) call(ctx context.Context, args []string) ([]string, error) {
	hc := interp.HandlerCtx(ctx)
	if command, ok := s.jobCommand(ctx, hc, args); ok {
		return command, nil
	}
	if status, ok := s.builtin(ctx, hc, args); ok {
		return withStatus(status), nil
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
	case "cd":
		return changed(hc, args), nil
	case "set":
		return append(args[:1:1], builtin.Settings(args[1:])...), nil
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

// changed removes the options of cd, which the interpreter does not know.
func changed(hc interp.HandlerContext, args []string) []string {
	rest, physical := args[1:], false
	for len(rest) > 0 && len(rest[0]) > 1 && rest[0][0] == '-' {
		option := rest[0]
		if option != "-L" && option != "-P" && option != "--" {
			break
		}
		rest = rest[1:]
		physical = option == "-P" || physical && option == "--"
		if option == "--" {
			break
		}
	}
	if len(rest) > 1 {
		fmt.Fprintln(hc.Stderr, "cd: too many arguments")
		return []string{"false"}
	}
	if physical && len(rest) == 1 && rest[0] != "-" {
		dir := rest[0]
		if !path.IsAbs(dir) {
			dir = path.Join(hc.Dir, dir)
		}
		if actual, err := filepath.EvalSymlinks(dir); err == nil {
			rest = []string{actual}
		}
	}
	return append([]string{"cd"}, rest...)
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
		Stdin: opened(hc.Stdin), Stdout: unclosed(hc.Stdout), Stderr: unclosed(hc.Stderr), ExtraFiles: hook.AccessOf(ctx).Files.Extra(),
	}
	j := s.jobs.of(ctx)
	p, err := s.jobs.start(j, cmd)
	if errors.Is(err, unix.ENOEXEC) { // a script without a first line that names its interpreter
		cmd = &exec.Cmd{
			Path: tool.Self(), Args: append([]string{"sh", program}, args[1:]...), Env: cmd.Env, Dir: hc.Dir,
			Stdin: cmd.Stdin, Stdout: cmd.Stdout, Stderr: cmd.Stderr, ExtraFiles: cmd.ExtraFiles,
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

// opened returns a program's standard input. One that is closed has nothing to read.
func opened(file io.Reader) io.Reader {
	if file == nil {
		return nothing()
	}
	return file
}

// unclosed returns what a program writes to. Writing to a file that is open for reading only fails as writing to a closed one does.
func unclosed(to io.Writer) io.Writer {
	if _, closed := to.(hook.Closed); closed {
		return nothing()
	}
	return to
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
