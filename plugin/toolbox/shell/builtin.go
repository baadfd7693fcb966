package shell

import (
	"context"
	"fmt"
	"os"
	"strings"

	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Builtin returns a tool that is a builtin of the shell.
func Builtin(name string) tool.Tool {
	return func(args []string) int {
		script := name + ` "$@"`
		if name == "[" {
			if len(args) == 0 || args[len(args)-1] != "]" {
				fmt.Fprintln(os.Stderr, "[: a ] is missing")
				return tool.Usage
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
		if status, ok := interp.IsExitStatus(err); ok {
			return int(status)
		}
		if err != nil {
			return tool.Complain(name, err)
		}
		return 0
	}
}
