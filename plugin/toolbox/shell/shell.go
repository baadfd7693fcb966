// Package shell is the toolbox's shell: mvdan.cc/sh with the line editor github.com/peterh/liner. It reads no
// file but the script that it is given, and its history is never written anywhere.
package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/shell/builtin"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/shell/hook"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

const usage = "usage: sh [-c STRING [NAME [ARG...]] | FILE [ARG...]], with the options -e -f -i -l -n -u -x and -o NAME"

// Main runs a shell and returns its exit status. args are its arguments without its name.
func Main(args []string) int {
	o, err := parse(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "sh: %v\n%s\n", err, usage)
		return 2
	}
	s, err := newShell(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "sh:", err)
		return 2
	}
	if !o.interactive && (o.hasCommand || o.file != "" || !term.IsTerminal(0)) {
		s.jobs.passStops()
	}
	switch {
	case o.hasCommand:
		return s.run(strings.NewReader(o.command), o.name)
	case o.file != "":
		file, err := tool.Open(o.file)
		if err != nil {
			fmt.Fprintln(os.Stderr, "sh:", tool.Reason(err))
			return 127
		}
		defer file.Close()
		return s.run(file, o.file)
	case o.interactive || term.IsTerminal(0):
		return s.interact()
	}
	return s.follow(os.Stdin)
}

// options are a shell's options.
type options struct {
	command     string // of -c
	hasCommand  bool
	file        string
	interactive bool
	params      []string // for interp.Params: options, then -- and the arguments
	name        string   // $0
}

// parse reads a shell's arguments.
func parse(args []string) (options, error) {
	o := options{name: "sh"}
	for len(args) > 0 && len(args[0]) > 1 && (args[0][0] == '-' || args[0][0] == '+') {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			break
		}
		if strings.HasPrefix(arg, "--") { // those below make no difference, since no file is read
			switch arg {
			case "--login", "--norc", "--noprofile", "--noediting":
				continue
			case "--help":
				return o, errors.New("help")
			}
			return o, fmt.Errorf("option %s is not supported here", arg)
		}
		var err error
		if args, err = o.letters(arg, args); err != nil {
			return o, err
		}
	}
	if o.hasCommand {
		if len(args) == 0 {
			return o, errors.New("option -c needs a command")
		}
		o.command, args = args[0], args[1:]
		if len(args) > 0 {
			o.name, args = args[0], args[1:]
		}
	} else if len(args) > 0 {
		o.file, o.name, args = args[0], args[0], args[1:]
	}
	o.params = append(append(builtin.Settings(o.params), "--"), args...)
	return o, nil
}

// letters takes options of single letters. It returns the arguments after them.
func (o *options) letters(arg string, args []string) ([]string, error) {
	for _, letter := range arg[1:] {
		switch letter {
		case 'c':
			o.hasCommand = true
		case 'i':
			o.interactive = true
		case 'l', 's':
		case 'o':
			if len(args) == 0 {
				return nil, errors.New("option -o needs a name")
			}
			o.params = append(o.params, arg[:1]+"o", args[0])
			args = args[1:]
		default:
			o.params = append(o.params, arg[:1]+string(letter))
		}
	}
	return args, nil
}

// shell is a running shell.
type shell struct {
	runner  *interp.Runner
	name    string
	history []string // of an interactive shell
	exited  bool     // an interactive shell is to end
	warned  bool     // it was to end, and there are stopped jobs
	jobs    *jobTable
	ctx     context.Context // of a script: it ends if a signal ends the shell
}

func newShell(o options) (*shell, error) {
	s := &shell{name: o.name, jobs: newJobTable()}
	switch {
	case o.hasCommand:
		hook.Mode = 'c'
	case o.interactive || o.file == "" && term.IsTerminal(0):
		hook.Mode = 'i'
	case o.file == "":
		hook.Mode = 's'
	}
	s.ctx, s.jobs.cancel = context.WithCancel(context.Background())
	hook.Traps.SetFatal(s.jobs.endBy, s.jobs.wake)
	hook.Background, hook.ReadInput, hook.Name = s.jobs.inBackground, s.jobs.readInput, o.name
	runner, err := interp.New(
		interp.StdIO(os.Stdin, os.Stdout, os.Stderr),
		interp.Params(o.params...),
		interp.Interactive(o.interactive || !o.hasCommand && o.file == ""),
		interp.CallHandler(s.call),
		interp.OpenHandler(open),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return s.execute }),
	)
	s.runner = runner
	return s, err
}

// open opens a file of a redirection. Its name in an error is without control characters.
func open(ctx context.Context, path string, flag int, perm os.FileMode) (io.ReadWriteCloser, error) {
	if file := ownFile(ctx, path); file != nil {
		return file, nil
	}
	socket, ok, err := builtin.Connect(ctx, path)
	if ok && err == nil {
		return socket, nil
	}
	if !ok {
		var file io.ReadWriteCloser
		file, err = interp.DefaultOpenHandler()(ctx, path, flag, perm)
		if errors.Is(err, unix.ELOOP) {
			file, err = tool.OpenFile(path, flag, perm)
		}
		if err == nil {
			return file, nil
		}
	}
	if failed, is := errors.AsType[*os.PathError](err); is {
		err = failed.Err
	}
	return nil, &hook.OpenError{Path: path, Err: err}
}

// ownFile returns a copy of one of the shell's own standard streams for /dev/stdin and its like, or nil. The process has others,
// where the shell's are those of a pipeline or a redirection.
func ownFile(ctx context.Context, path string) *os.File {
	hc := interp.HandlerCtx(ctx)
	var stream any
	switch path {
	case "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0":
		stream = hc.Stdin
	case "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1":
		stream = hc.Stdout
	case "/dev/stderr", "/dev/fd/2", "/proc/self/fd/2":
		stream = hc.Stderr
	}
	file, ok := stream.(*os.File)
	if !ok || file == nil {
		return nil
	}
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil
	}
	return os.NewFile(uintptr(fd), path)
}

// run runs a script and returns its exit status.
func (s *shell) run(script io.Reader, name string) int {
	file, err := syntax.NewParser().Parse(script, name)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %s\n", tool.Printable(s.name), tool.Printable(err.Error()))
		return 2
	}
	status, _ := s.statement(s.ctx, file)
	s.jobs.die()
	return status
}

// single reads byte by byte, so that nothing is taken away from the commands that read the same input.
type single struct{ io.Reader }

func (s single) Read(b []byte) (int, error) { return s.Reader.Read(b[:min(1, len(b))]) }

// follow runs each statement of an input as soon as it is complete, and returns the exit status.
func (s *shell) follow(script io.Reader) int {
	status := 0
	for stmt, err := range syntax.NewParser().StmtsSeq(single{script}) {
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %s\n", tool.Printable(s.name), tool.Printable(err.Error()))
			status = 2
			break
		}
		var ok bool
		if status, ok = s.statement(s.ctx, stmt); !ok || s.runner.Exited() {
			s.jobs.die()
			return status // with the traps of EXIT
		}
	}
	if end, _ := s.statement(s.ctx, &syntax.File{}); status == 0 { // traps of EXIT
		status = end
	}
	s.jobs.die()
	return status
}

// statement runs a statement, or a file with the traps of EXIT. It returns the status, and false if the shell
// can't go on.
func (s *shell) statement(ctx context.Context, node syntax.Node) (int, bool) {
	err := s.runner.Run(ctx, node)
	if status, ok := errors.AsType[interp.ExitStatus](err); ok {
		return int(status), true
	}
	if errors.Is(err, context.Canceled) {
		return interrupted, true
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %s\n", tool.Printable(s.name), tool.Printable(err.Error()))
		return 1, false
	}
	return 0, true
}
