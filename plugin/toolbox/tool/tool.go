// Package tool has what the toolbox's own tools share: options, input files and messages.
package tool

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// Tool is a tool's main function. It gets its arguments without its name, and returns its exit status.
type Tool func(args []string) int

// Usage is the exit status for wrong arguments.
const Usage = 2

// Flags returns the options of a tool. Options and arguments may be mixed. help is the rest of its usage line.
func Flags(name, help string) *pflag.FlagSet {
	f := pflag.NewFlagSet(name, pflag.ContinueOnError)
	f.SortFlags = false
	f.SetOutput(os.Stderr)
	f.Usage = func() {
		fmt.Fprintf(os.Stderr, "usage: %s %s\n%s", name, help, f.FlagUsages())
	}
	return f
}

// Parse parses the arguments. If it returns false, the tool ends with the status.
func Parse(f *pflag.FlagSet, args []string) (status int, ok bool) {
	err := f.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return 0, false
	case err != nil:
		fmt.Fprintf(os.Stderr, "%s: %v\n", f.Name(), err)
		return Usage, false
	}
	return 0, true
}

// Attached writes an option whose value is optional, and attached if it is there, in the form that package pflag
// knows: -Is as --iso-8601=s.
func Attached(args []string, short, long string) []string {
	out := make([]string, len(args))
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, short); ok && value != "" {
			arg = long + "=" + value
		}
		out[i] = arg
	}
	return out
}

// Complain prints what failed, on stderr, and returns the status 1. It prints nothing for a tool without a name.
func Complain(name string, err error) int {
	if name == "" {
		return 1
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", name, Reason(err))
	return 1
}

// Reason leaves the name of the system call out of an error, and keeps the path: "no.txt: no such file or directory".
func Reason(err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		return fmt.Errorf("%s: %w", Printable(path.Path), path.Err)
	}
	return err
}

// Printable replaces control characters, which a terminal would obey, by a question mark.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, text)
}
