// Package tool has what the toolbox's own tools share: options, input files and messages.
package tool

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
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

// Complain prints what failed, on stderr, and returns the status 1.
func Complain(name string, err error) int {
	fmt.Fprintf(os.Stderr, "%s: %v\n", name, Reason(err))
	return 1
}

// Reason leaves the name of the system call out of an error, and keeps the path: "no.txt: no such file or directory".
func Reason(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
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

// Input is an open input file.
type Input struct {
	io.Reader
	Name string
	File *os.File
}

// Inputs calls do for each file, or for standard input if there is none or for "-". It reports errors, and returns
// the status.
func Inputs(name string, files []string, do func(Input) error) int {
	if len(files) == 0 {
		files = []string{"-"}
	}
	status := 0
	for _, path := range files {
		if err := input(path, do); err != nil {
			status = Complain(name, err)
		}
	}
	return status
}

func input(path string, do func(Input) error) error {
	if path == "-" {
		return do(Input{os.Stdin, "-", os.Stdin})
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return fmt.Errorf("%s: %w", Printable(path), unix.EISDIR)
	}
	return do(Input{file, path, file})
}

// Output returns a buffered standard output, and a function that flushes it.
func Output() (*bufio.Writer, func()) {
	w := bufio.NewWriterSize(os.Stdout, 64<<10)
	return w, func() { _ = w.Flush() }
}

// Lines calls do for each line, without its newline. It stops early if do returns false.
func Lines(r io.Reader, do func(line []byte) bool) error {
	return Records(r, '\n', do)
}

// Records calls do for each record that ends with a byte, without that byte.
func Records(r io.Reader, end byte, do func(record []byte) bool) error {
	b := bufio.NewReaderSize(r, 64<<10)
	var long []byte // the beginning of a record that does not fit into the buffer
	for {
		part, err := b.ReadSlice(end)
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, part...)
			continue
		}
		record := part
		if long != nil {
			record = append(long, part...)
			long = nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if len(record) > 0 {
			if record[len(record)-1] == end {
				record = record[:len(record)-1]
			}
			if !do(record) {
				return nil
			}
		}
		if err != nil {
			return nil
		}
	}
}

// Terminal reports whether standard output is a terminal.
func Terminal() bool {
	_, err := unix.IoctlGetTermios(1, unix.TCGETS)
	return err == nil
}
