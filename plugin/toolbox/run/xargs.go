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
	words, parallel int
	trace, ask      bool
	tty             *bufio.Reader

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
	f.StringVarP(&x.replace, "replace", "I", "", "run once for each line, which replaces this text")
	f.IntVarP(&x.words, "max-args", "n", 0, "at most so many arguments")
	lines := f.IntP("max-lines", "L", 0, "at most so many lines")
	f.IntVarP(&x.parallel, "max-procs", "P", 1, "run so many at a time")
	zero := f.BoolP("null", "0", false, "arguments end with NUL")
	delimiter := f.StringP("delimiter", "d", "", "arguments end with this character")
	noRun := f.BoolP("no-run-if-empty", "r", false, "run nothing if there are no arguments")
	f.BoolVarP(&x.trace, "verbose", "t", false, "print commands")
	f.BoolVarP(&x.ask, "interactive", "p", false, "ask before each command")
	file := f.StringP("arg-file", "a", "", "a file to read instead")
	if status, ok := tool.Parse(f, args); !ok {
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
	x.running = make(chan struct{}, max(1, x.parallel))
	var batch []string
	length, inBatch, ran := 0, 0, false
	flush := func() {
		ran = true
		x.start(batch)
		batch, length, inBatch = nil, 0, 0
	}
	add := func(words ...string) bool {
		for _, word := range words {
			if len(batch) > 0 && length+len(word) > maxBytes {
				flush()
			}
			batch = append(batch, word)
			length += len(word) + 1
			if x.replace != "" || x.words > 0 && len(batch) == x.words {
				flush()
			}
		}
		if inBatch++; *lines > 0 && inBatch == *lines && len(batch) > 0 {
			flush()
		}
		return x.failed() != 255
	}
	if err := arguments(in, *zero, *delimiter, x.replace != "", add); err != nil {
		return tool.Complain("xargs", err)
	}
	if len(batch) > 0 || !ran && !*noRun && x.replace == "" {
		flush()
	}
	x.wait.Wait()
	return x.status
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
