// Package tool has what the toolbox's own tools share: options, input files and messages.
package tool

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Tool is a tool's main function. It gets its arguments without its name, and returns its exit status.
type Tool func(args []string) int

// misused are the tools whose known programs end with another status than 1 if they are called in a wrong way.
var misused = []struct {
	status int
	names  []string
}{
	{2, strings.Fields("[ awk cmp curl diff dig egrep expr fgrep grep jq ls nslookup ping ping6 printenv pgrep pkill sh sort tar test traceroute tty wget")},
	{125, []string{"env", "nice", "nohup", "timeout"}},
	{255, []string{"ip", "ss"}},
}

// Misused prints how a tool is used, and returns the status for wrong arguments.
func Misused(f *pflag.FlagSet) int {
	stdout := Stdout
	Stdout = os.Stderr
	f.Usage()
	Stdout = stdout
	return misuse(f.Name())
}

// Refuse prints what is wrong with an argument, and returns the status for wrong arguments.
func Refuse(name string, err error) int {
	Complain(name, err)
	return misuse(name)
}

// Usage prints how a tool is used, on stderr, and returns the status for wrong arguments.
func Usage(name, text string) int {
	fmt.Fprintln(os.Stderr, text)
	return misuse(name)
}

// misuse returns the status with which the known program of this name ends if its arguments are wrong.
func misuse(name string) int {
	for _, row := range misused {
		if slices.Contains(row.names, name) {
			return row.status
		}
	}
	return 1
}

// Flags returns the options of a tool. Options and arguments may be mixed. help is the rest of its usage line.
func Flags(name, help string) *pflag.FlagSet {
	f := pflag.NewFlagSet(name, pflag.ContinueOnError)
	f.SortFlags = false
	f.SetOutput(os.Stderr)
	f.Usage = func() { // package pflag calls it for --help only
		Printf("usage: %s %s\n%s", name, help, f.FlagUsages())
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
		fmt.Fprintf(Stderr, "%s: %v\n", f.Name(), err)
		return misuse(f.Name()), false
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

// Complain prints what failed, on stderr, and returns the status 1. It prints nothing for a tool without a name,
// and leaves failed writes to standard output to Finish.
func Complain(name string, err error) int {
	if name != "" && !isOutput(err) {
		fmt.Fprintf(Stderr, "%s: %v\n", name, Reason(err)) // which may quote a server or a file
	}
	return 1
}

// Reason leaves the name of the system call out of an error, and keeps the path: "no.txt: no such file or directory".
func Reason(err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		return fmt.Errorf("%s: %w", Printable(path.Path), path.Err)
	}
	return err
}

// Shown returns a text as it is printed: at a terminal without control characters.
func Shown(text string) string {
	if Terminal() {
		return Printable(text)
	}
	return text
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
