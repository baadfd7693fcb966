// Package pager is the toolbox's less. Of a file it keeps only a part in memory, whatever the file's size.
package pager

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// options are those of less.
type options struct {
	numbers, chop, colors, oneScreen, stay, force bool
	ignoreCase, ignoreAll, squeeze                bool
	quitAtEnd                                     int // 1: the second time, 2: the first time
	quitOnInterrupt                               bool
	prompt                                        int // 0, 1 for -m, 2 for -M
	tab                                           int
	commands                                      []string // of +
	pattern                                       string   // of -p
}

// flag is an option: what it sets, and its long name.
type flag struct {
	letter byte
	long   string
	help   string
	set    func(o *options)
}

var flags = []flag{
	{'e', "quit-at-eof", "quit at the end of the file, the second time", func(o *options) { o.quitAtEnd = 1 }},
	{'E', "QUIT-AT-EOF", "quit at the end of the file", func(o *options) { o.quitAtEnd = 2 }},
	{'f', "force", "show files that are not regular ones, or binary", func(o *options) { o.force = true }},
	{'F', "quit-if-one-screen", "print a text that is not longer than the screen, and quit", func(o *options) { o.oneScreen = true }},
	{'i', "ignore-case", "search without regard to case, unless the pattern has capitals", func(o *options) { o.ignoreCase = true }},
	{'I', "IGNORE-CASE", "search without regard to case", func(o *options) { o.ignoreAll = true }},
	{'K', "quit-on-intr", "quit when ^C is typed", func(o *options) { o.quitOnInterrupt = true }},
	{'m', "long-prompt", "show how far the text is read", func(o *options) { o.prompt = 1 }},
	{'M', "LONG-PROMPT", "show the lines, too", func(o *options) { o.prompt = 2 }},
	{'n', "line-numbers", "show no numbers of lines", func(o *options) { o.numbers = false }},
	{'N', "LINE-NUMBERS", "show the numbers of lines", func(o *options) { o.numbers = true }},
	{'r', "raw-control-chars", "as -R: no other sequences reach the terminal", func(o *options) { o.colors = true }},
	{'R', "RAW-CONTROL-CHARS", "show colors", func(o *options) { o.colors = true }},
	{'s', "squeeze-blank-lines", "show several empty lines as one", func(o *options) { o.squeeze = true }},
	{'S', "chop-long-lines", "do not wrap long lines", func(o *options) { o.chop = true }},
	{'X', "no-init", "leave the text on the screen", func(o *options) { o.stay = true }},
}

// values are options with a value. Those without a function make no difference here.
var values = []struct {
	letter byte
	long   string
	help   string
	set    func(o *options, value string) error
}{
	{'p', "pattern", "begin at this pattern", func(o *options, value string) error {
		o.pattern = value
		return nil
	}},
	{'x', "tabs", "columns of a tab", func(o *options, value string) (err error) {
		o.tab, err = strconv.Atoi(value)
		if err != nil || o.tab < 1 || o.tab > 1000 {
			return fmt.Errorf("%q is no number of columns", value)
		}
		return nil
	}},
}

// parse reads arguments, as those of the command line or of the variable LESS.
func (o *options) parse(args []string) (files []string, err error) {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			return append(files, args[i+1:]...), nil
		case strings.HasPrefix(arg, "+"):
			o.commands = append(o.commands, arg[1:])
		case strings.HasPrefix(arg, "--"):
			if i, err = o.long(args, i); err != nil {
				return nil, err
			}
		case len(arg) > 1 && arg[0] == '-':
			if i, err = o.letters(args, i); err != nil {
				return nil, err
			}
		default:
			files = append(files, arg)
		}
	}
	return files, nil
}

// long takes an option by its long name, and returns the place of its last argument.
func (o *options) long(args []string, i int) (int, error) {
	name, value, with := strings.Cut(args[i][2:], "=")
	if at := slices.IndexFunc(flags, func(f flag) bool { return f.long == name }); at >= 0 && !with {
		flags[at].set(o)
		return i, nil
	}
	for _, v := range values {
		if v.long != name {
			continue
		}
		if !with {
			if i++; i == len(args) {
				return i, fmt.Errorf("option --%s needs a value", name)
			}
			value = args[i]
		}
		return i, v.set(o, value)
	}
	return i, fmt.Errorf("option %s is not supported here", tool.Printable(args[i]))
}

// letters takes options of single letters, and returns the place of their last argument.
func (o *options) letters(args []string, i int) (int, error) {
	arg := args[i]
	for j := 1; j < len(arg); j++ {
		if at := slices.IndexFunc(flags, func(f flag) bool { return f.letter == arg[j] }); at >= 0 {
			flags[at].set(o)
			continue
		}
		for _, v := range values {
			if v.letter != arg[j] {
				continue
			}
			value := arg[j+1:]
			if value == "" {
				if i++; i == len(args) {
					return i, fmt.Errorf("option -%c needs a value", arg[j])
				}
				value = args[i]
			}
			return i, v.set(o, value)
		}
		return i, fmt.Errorf("option -%c is not supported here", arg[j])
	}
	return i, nil
}

// fromVariable takes options of the variable LESS. Those that are not known there were not typed by anybody.
func (o *options) fromVariable(text string) {
	for word := range strings.FieldsSeq(text) {
		if !strings.HasPrefix(word, "-") {
			word = "-" + word
		}
		if strings.HasPrefix(word, "--") {
			_, _ = o.parse([]string{word})
			continue
		}
		for _, letter := range word[1:] {
			_, _ = o.letters([]string{"-" + string(letter)}, 0)
		}
	}
}

// usage is printed for --help.
func usage(name string) {
	tool.Printf("usage: %s [-OPTIONS] [+COMMAND] [FILE...]\n", name)
	for _, f := range flags {
		tool.Printf("  -%c, --%s   %s\n", f.letter, f.long, f.help)
	}
	for _, v := range values {
		tool.Printf("  -%c, --%s string   %s\n", v.letter, v.long, v.help)
	}
}

// Less shows files a screen at a time.
func Less(args []string) int { return run("less", args, options{tab: 8}) }

// More is less that leaves the text on the screen, and ends with the text.
func More(args []string) int { return run("more", args, options{tab: 8, stay: true, quitAtEnd: 2}) }

func run(name string, args []string, o options) int {
	if slices.Contains(args, "--help") || len(args) == 1 && args[0] == "-?" {
		usage(name)
		return 0
	}
	o.fromVariable(os.Getenv("LESS"))
	files, err := o.parse(args)
	if err != nil {
		return tool.Refuse(name, err)
	}
	if len(files) == 0 {
		if _, err := unix.IoctlGetTermios(0, unix.TCGETS); err == nil {
			fmt.Fprintf(os.Stderr, "Missing filename (\"%s --help\" for help)\n", name)
			return 1
		}
		files = []string{"-"}
	}
	keys := keysFrom()
	if !tool.Terminal() || keys < 0 {
		return copied(name, files)
	}
	p := &pager{o: o, files: files, top: pos{}, keys: keys, marks: make(map[rune]mark)}
	return p.run(name)
}

// keysFrom returns a descriptor of the terminal that keys can be read from, or -1. Standard input may be the text.
func keysFrom() int {
	for _, fd := range []int{0, 1, 2} {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if _, failed := unix.IoctlGetTermios(fd, unix.TCGETS); err == nil && failed == nil && flags&unix.O_ACCMODE != unix.O_WRONLY {
			return fd
		}
	}
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
		return -1
	}
	_ = unix.SetNonblock(fd, false)
	return fd
}

// copied writes the files to standard output, which is no terminal.
func copied(name string, files []string) int {
	return tool.Inputs(name, files, func(in tool.Input) error {
		buf := make([]byte, blockSize)
		for {
			n, err := in.Read(buf)
			if _, failed := tool.Stdout.Write(buf[:n]); failed != nil {
				return failed
			}
			if err != nil {
				return endless(err)
			}
		}
	})
}
