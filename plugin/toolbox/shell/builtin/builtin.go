// Package builtin has builtins of the shell that its interpreter lacks, or has with few of their options.
package builtin

import (
	"fmt"
	"io"
	"os"

	"mvdan.cc/sh/v3/expand"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/shell/hook"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Call is a call of a builtin.
type Call struct {
	Name           string
	Args           []string // without the name
	Stdin          *os.File // nil: closed
	Stdout, Stderr io.Writer
	Env            expand.Environ
	Shell          hook.Access
}

// misused is the status of a builtin with arguments that it does not know, as in bash.
const misused = 2

// fail prints an error, and returns the status.
func (c *Call) fail(status int, format string, args ...any) int {
	fmt.Fprintf(c.Stderr, "%s: %s\n", c.Name, tool.Printable(fmt.Sprintf(format, args...)))
	return status
}

// option takes the next option's letter and, if it is one of valued, its value: the rest of the word, or the next one. It returns 0
// if none is left, and an error if a value is missing.
func (c *Call) option(valued string) (letter byte, value string, err error) {
	if len(c.Args) == 0 || len(c.Args[0]) < 2 || c.Args[0][0] != '-' {
		return 0, "", nil
	}
	word := c.Args[0]
	c.Args = c.Args[1:]
	if word == "--" {
		return 0, "", nil
	}
	letter = word[1]
	rest := word[2:]
	for i := range len(valued) {
		if valued[i] != letter {
			continue
		}
		if rest != "" {
			return letter, rest, nil
		}
		if len(c.Args) == 0 {
			return letter, "", fmt.Errorf("-%c: option requires an argument", letter)
		}
		value, c.Args = c.Args[0], c.Args[1:]
		return letter, value, nil
	}
	if rest != "" {
		c.Args = append([]string{"-" + rest}, c.Args...)
	}
	return letter, "", nil
}
