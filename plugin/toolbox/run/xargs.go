// Package run has the toolbox's own tools that run other programs, and small ones.
package run

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// maxBytes is how long a command line of xargs may be, in bytes. Linux allows 128 KiB for a single argument.
const maxBytes = 100 << 10

// xargs is a call of xargs.
type xargs struct {
	command         []string
	replace         string
	end             string
	words, parallel int
	lines, bytes    int
	trace, ask      bool
	tty             *bufio.Reader

	batch           []string // the arguments of the next command
	length, inBatch int      // its bytes and lines
	ran             bool

	running chan struct{}
	wait    sync.WaitGroup
	mu      sync.Mutex
	status  int
}

// Xargs runs a command with arguments from standard input.
func Xargs(args []string) int {
	x := &xargs{}
	f := tool.Flags("xargs", "[OPTIONS] [COMMAND [ARG...]]")
	f.SetInterspersed(false)
	f.StringVarP(&x.replace, "replace", "I", "", "run once for each line, which replaces this text; {} without a value (-i)")
	f.IntVarP(&x.words, "max-args", "n", 0, "at most so many arguments")
	f.IntVarP(&x.lines, "max-lines", "L", 0, "at most so many lines; 1 without a value (-l)")
	f.IntVarP(&x.bytes, "max-chars", "s", maxBytes, "at most so many bytes")
	f.BoolP("exit", "x", false, "end if a line is too long (the default)")
	f.StringVarP(&x.end, "eof", "E", "", "end at this argument")
	f.IntVarP(&x.parallel, "max-procs", "P", 1, "run so many at a time")
	zero := f.BoolP("null", "0", false, "arguments end with NUL")
	delimiter := f.StringP("delimiter", "d", "", "arguments end with this character")
	noRun := f.BoolP("no-run-if-empty", "r", false, "run nothing if there are no arguments")
	f.BoolVarP(&x.trace, "verbose", "t", false, "print commands")
	f.BoolVarP(&x.ask, "interactive", "p", false, "ask before each command")
	file := f.StringP("arg-file", "a", "", "a file to read instead")
	if status, ok := tool.Parse(f, optionalValues(args)); !ok {
		return status
	}
	x.command = f.Args()
	if len(x.command) == 0 {
		x.command = []string{"echo"}
	}
	in := io.Reader(os.Stdin)
	if *file != "" {
		opened, err := os.Open(*file)
		if err != nil {
			return tool.Complain("xargs", err)
		}
		defer opened.Close()
		in = opened
	}
	if x.ask {
		x.trace = true
		if terminal, err := os.Open("/dev/tty"); err == nil {
			defer terminal.Close()
			x.tty = bufio.NewReader(terminal)
		}
	}
	x.bytes = min(max(1, x.bytes-len(strings.Join(x.command, " "))-1), maxBytes)
	x.running = make(chan struct{}, max(1, x.parallel))
	if err := arguments(in, *zero, *delimiter, x.replace != "", x.add); err != nil {
		return tool.Complain("xargs", err)
	}
	if len(x.batch) > 0 || !x.ran && !*noRun && x.replace == "" {
		x.flush()
	}
	x.wait.Wait()
	return x.status
}

// optionalValues gives the old options with an optional value the form of the others: -i is -I {}, -l is -L 1, and -e is
// no end.
func optionalValues(args []string) []string {
	out := slices.Clone(args)
	for i, arg := range out {
		if arg == "" || arg[0] != '-' || arg == "--" {
			break // the command
		}
		switch {
		case arg == "-i" || arg == "--replace":
			out[i] = "-I{}"
		case strings.HasPrefix(arg, "-i"):
			out[i] = "-I" + arg[2:]
		case arg == "-l" || arg == "--max-lines":
			out[i] = "-L1"
		case strings.HasPrefix(arg, "-l"):
			out[i] = "-L" + arg[2:]
		case arg == "-e" || arg == "--eof":
			out[i] = "--eof="
		case strings.HasPrefix(arg, "-e"):
			out[i] = "-E" + arg[2:]
		case len(arg) == 2 && strings.Contains("InLsEPda", arg[1:]): // the next is its value
			if i+1 < len(out) && (out[i+1] == "" || out[i+1][0] != '-') {
				rest := optionalValues(out[i+2:])
				return append(out[:i+2:i+2], rest...)
			}
		}
	}
	return out
}

// add takes the arguments of a line, and reports whether more are wanted.
func (x *xargs) add(words ...string) bool {
	for _, word := range words {
		if x.end != "" && word == x.end {
			return false
		}
		if len(x.batch) > 0 && x.length+len(word) > x.bytes {
			x.flush()
		}
		x.batch = append(x.batch, word)
		x.length += len(word) + 1
		if x.replace != "" || x.words > 0 && len(x.batch) == x.words {
			x.flush()
		}
	}
	if x.inBatch++; x.lines > 0 && x.inBatch == x.lines && len(x.batch) > 0 {
		x.flush()
	}
	return x.failed() != 255
}

// flush starts a command with the arguments so far.
func (x *xargs) flush() {
	x.ran = true
	x.start(x.batch)
	x.batch, x.length, x.inBatch = nil, 0, 0
}

// arguments calls add with the arguments of each line.
func arguments(in io.Reader, zero bool, delimiter string, whole bool, add func(...string) bool) error {
	switch {
	case zero:
		return tool.Records(in, 0, func(b []byte) bool { return add(string(b)) })
	case delimiter != "":
		end := delimiter[0]
		if unescaped := strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\0`, "\x00").Replace(delimiter); unescaped != "" {
			end = unescaped[0]
		}
		return tool.Records(in, end, func(b []byte) bool { return add(string(b)) })
	}
	var bad error
	err := tool.Lines(in, func(line []byte) bool {
		if whole {
			if text := strings.TrimLeft(string(line), " \t"); text != "" {
				return add(text)
			}
			return true
		}
		words, err := split(line)
		bad = err
		return err == nil && add(words...)
	})
	return errors.Join(err, bad)
}

// split splits a line at blanks that are not quoted.
func split(line []byte) ([]string, error) {
	var words []string
	var word bytes.Buffer
	inWord := false
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			} else {
				word.WriteByte(c)
			}
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			inWord = true
		case c == ' ' || c == '\t':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a %c is missing; -0 takes arguments as they are", quote)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

func (x *xargs) failed() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.status
}

// start starts a command, as soon as another may run.
func (x *xargs) start(words []string) {
	args := append(slices.Clip(x.command), words...)
	if x.replace != "" && len(words) > 0 {
		args = make([]string, len(x.command))
		for i, arg := range x.command {
			args[i] = strings.ReplaceAll(arg, x.replace, words[0])
		}
	}
	if x.trace {
		fmt.Fprint(os.Stderr, strings.Join(args, " "))
		if x.ask {
			fmt.Fprint(os.Stderr, " ?...")
			if x.tty == nil {
				return
			}
			if answer, _ := x.tty.ReadString('\n'); !strings.HasPrefix(strings.ToLower(answer), "y") {
				return
			}
		} else {
			fmt.Fprintln(os.Stderr)
		}
	}
	x.running <- struct{}{}
	x.wait.Go(func() {
		// The arguments come from standard input, so the command gets none.
		status, err := tool.Run(strings.NewReader(""), args)
		x.mu.Lock()
		switch {
		case err != nil:
			tool.Complain("xargs", err)
			x.status = status
		case status == 255:
			x.status = 124
		case status != 0 && x.status == 0:
			x.status = 123
		}
		x.mu.Unlock()
		<-x.running
	})
	if x.parallel <= 1 {
		x.wait.Wait()
	}
}
