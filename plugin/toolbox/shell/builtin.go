package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"

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

// printed does what the builtins do that only print, and returns a command with the status that is wanted. The
// interpreter's own do not look at errors: a loop of echo in front of head would never end.
func printed(hc interp.HandlerContext, args []string) []string {
	var out bytes.Buffer
	status := 0
	switch {
	case args[0] == "echo":
		out.WriteString(printf.EchoText(args[1:]))
	case args[0] == "printf" && (len(args) == 1 || args[1] != "-v"):
		status = printf.Print(&out, hc.Stderr, args[1:])
	case args[0] == "pwd" && len(args) == 1:
		out.WriteString(tool.Shown(hc.Dir) + "\n")
	default: // printf into a variable, and pwd with options
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
