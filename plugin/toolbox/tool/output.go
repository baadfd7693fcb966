package tool

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Stdout is standard output. The first write that fails is remembered for Finish: a tool that prints without looking
// at the errors still ends with a status that says so. It has no buffer; Output has one.
var Stdout io.Writer = checked{}

// outputError is the first error of a write to standard output.
var outputError error

type checked struct{}

func (checked) Write(b []byte) (int, error) {
	n, err := os.Stdout.Write(b)
	if err != nil && outputError == nil {
		outputError = err
	}
	return n, err
}

// Stderr is standard error for the messages of other modules' commands. Names in them may have control characters, which
// become question marks.
var Stderr io.Writer = messages{}

type messages struct{}

func (messages) Write(b []byte) (int, error) {
	lines := strings.Split(string(b), "\n")
	for i, line := range lines {
		lines[i] = Printable(strings.ReplaceAll(line, "\t", "    "))
	}
	if _, err := os.Stderr.WriteString(strings.Join(lines, "\n")); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Print prints to Stdout, as package fmt does.
func Print(values ...any) { fmt.Fprint(Stdout, values...) }

// Println prints to Stdout, as package fmt does.
func Println(values ...any) { fmt.Fprintln(Stdout, values...) }

// Printf prints to Stdout, as package fmt does.
func Printf(format string, values ...any) { fmt.Fprintf(Stdout, format, values...) }

// OutputFailed reports whether a write to standard output failed. Tools that never end by themselves look at it.
func OutputFailed() bool { return outputError != nil }

// output is what Output returned.
var output *bufio.Writer

// Output returns a buffered standard output, and a function that flushes it.
func Output() (*bufio.Writer, func()) {
	output = bufio.NewWriterSize(Stdout, 64<<10)
	return output, FlushOutput
}

// FlushOutput writes what is in the buffer of Output.
func FlushOutput() {
	if output != nil {
		_ = output.Flush()
	}
}

// statuses are those of the known programs if they can't write. All others end with 1.
var statuses = []struct {
	status int
	names  []string
}{
	{2, []string{"awk", "cmp", "diff", "egrep", "fgrep", "grep", "jq", "ls", "printenv", "sort", "tar"}},
	{3, []string{"expr", "tty", "wget", "xxd"}},
	{4, []string{"sed"}},
	{23, []string{"curl"}},
	{125, []string{"env", "nice", "nohup", "timeout"}},
}

// Finish returns the status with which a tool ends. If standard output could not be written, it says so, once, and the
// status is that of an error. A reader that has gone needs no message; by default SIGPIPE has ended the tool by then.
func Finish(name string, status int) int {
	FlushOutput()
	if outputError == nil {
		return status
	}
	if !errors.Is(outputError, unix.EPIPE) {
		fmt.Fprintf(os.Stderr, "%s: write error: %v\n", name, errnoOf(outputError))
	}
	for _, row := range statuses {
		if slices.Contains(row.names, name) {
			return row.status
		}
	}
	return 1
}

// errnoOf returns what the kernel said, without the call's name and the path.
func errnoOf(err error) error {
	if errno, ok := errors.AsType[unix.Errno](err); ok {
		return errno
	}
	return err
}

// isOutput reports whether an error is of a write to standard output, and remembers it. Finish reports it.
func isOutput(err error) bool {
	path, ok := errors.AsType[*os.PathError](err)
	if !ok || path.Op != "write" || path.Path != os.Stdout.Name() {
		return false
	}
	if outputError == nil {
		outputError = err
	}
	return true
}
