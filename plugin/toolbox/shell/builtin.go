package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/shell/builtin"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/shell/hook"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/printf"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Builtin returns a tool that is a builtin of the shell.
func Builtin(name string) tool.Tool {
	return func(args []string) int {
		script := name + ` "$@"`
		if name == "[" {
			if len(args) == 0 || args[len(args)-1] != "]" {
				return tool.Usage("[", "[: a ] is missing")
			}
			script, args = `test "$@"`, args[:len(args)-1]
		}
		file, err := syntax.NewParser().Parse(strings.NewReader(script), name)
		if err != nil {
			return tool.Complain(name, err)
		}
		runner, err := interp.New(interp.StdIO(os.Stdin, os.Stdout, os.Stderr), interp.Params(append([]string{"--"}, args...)...))
		if err != nil {
			return tool.Complain(name, err)
		}
		err = runner.Run(context.Background(), file)
		if status, ok := errors.AsType[interp.ExitStatus](err); ok {
			return int(status)
		}
		if err != nil {
			return tool.Complain(name, err)
		}
		return 0
	}
}

// builtin runs the builtins of package builtin. ok is false for other commands.
func (s *shell) builtin(ctx context.Context, hc interp.HandlerContext, args []string) (status int, ok bool) {
	stdin, _ := hc.Stdin.(*os.File)
	c := &builtin.Call{
		Name: args[0], Args: slices.Clone(args[1:]), Stdin: stdin, Stdout: hc.Stdout, Stderr: hc.Stderr, Env: hc.Env, Shell: hook.AccessOf(ctx),
	}
	if c.Shell.SetVariable == nil && (args[0] == "read" || args[0] == "mapfile" || args[0] == "readarray") {
		return 0, false // in tests the interpreter is not repaired
	}
	switch args[0] {
	case "read":
		return c.Read(ctx), true
	case "ulimit":
		return c.Ulimit(), true
	case "umask":
		return c.Umask(), true
	case "printf":
		if len(args) > 1 && strings.HasPrefix(args[1], "-v") {
			return c.Printf(), true
		}
	case "set":
		if len(args) == 1 {
			return c.Variables(), true
		}
	case "mapfile", "readarray":
		return c.Mapfile(), true
	case "type":
		if len(args) > 1 && args[1] == "-a" {
			return s.typeAll(hc, args[2:]), true
		}
	case "history":
		s.history, status = c.History(s.history)
		return status, true
	case "fc":
		return c.Fc(s.history), true
	}
	return 0, false
}

// typeAll is type -a: all that a name stands for.
func (s *shell) typeAll(hc interp.HandlerContext, names []string) (status int) {
	for _, name := range names {
		found := false
		show := func(text string) {
			fmt.Fprintln(hc.Stdout, tool.Printable(name+" is "+text))
			found = true
		}
		if syntax.IsKeyword(name) {
			show("a shell keyword")
		}
		if s.runner.Funcs[name] != nil {
			show("a function")
		}
		if interp.IsBuiltin(name) {
			show("a shell builtin")
		}
		for dir := range strings.SplitSeq(hc.Env.Get("PATH").String(), ":") {
			if file := path.Join(dir, name); !strings.Contains(name, "/") && executable(file) {
				show(file)
			}
		}
		if !found {
			fmt.Fprintf(hc.Stderr, "type: %s: not found\n", tool.Printable(name))
			status = 1
		}
	}
	return status
}

// printed does what the builtins do that only print, and returns a command with the status that is wanted. The
// interpreter's own do not look at errors: a loop of echo in front of head would never end.
func printed(hc interp.HandlerContext, args []string) []string {
	var out bytes.Buffer
	status := 0
	switch {
	case args[0] == "echo":
		out.WriteString(printf.EchoText(args[1:]))
	case args[0] == "printf":
		status = printf.Print(&out, hc.Stderr, args[1:])
	case args[0] == "pwd" && len(args) == 1:
		out.WriteString(tool.Shown(hc.Dir) + "\n")
	default: // pwd with options
		return args
	}
	_, err := hc.Stdout.Write(out.Bytes())
	switch {
	case errors.Is(err, unix.EPIPE): // by default, SIGPIPE ends a shell
		return []string{"exit", strconv.Itoa(128 + int(syscall.SIGPIPE))}
	case err != nil:
		fmt.Fprintf(hc.Stderr, "%s: write error: %v\n", args[0], reason(err))
		return []string{"false"}
	case status != 0:
		return []string{"false"}
	}
	return []string{"true"}
}
