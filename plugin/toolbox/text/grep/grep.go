// Package grep has the toolbox's grep.
package grep

import (
	"bufio"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/regex"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// grep is a call of grep.
type grep struct {
	patterns, patternFiles               []string
	include, exclude, excludeDir         []string
	perl, noBinary, dereference          bool
	extended, fixed, ignoreCase, invert  bool
	word, line, count, list, listWithout bool
	number, only, quiet, silent          bool
	names, noNames, recursive, text      bool
	after, before, context, limit        int
	offsets, nul, zero, tabs, color      bool

	name    string
	re      *regexp.Regexp
	out     *bufio.Writer
	matched bool
	bare    bool // names of files begin below the argument
}

// grepTrouble is the status of grep if a file could not be read: 1 says that no line matches.
const grepTrouble = 2

// Grep prints lines that match.
func Grep(args []string) int { return newGrep("grep", false, false, args) }

// Egrep is grep -E.
func Egrep(args []string) int { return newGrep("egrep", true, false, args) }

// Fgrep is grep -F.
func Fgrep(args []string) int { return newGrep("fgrep", false, true, args) }

func newGrep(name string, extended, fixed bool, args []string) int {
	g := &grep{name: name}
	f := tool.Flags(name, "[OPTIONS] PATTERN [FILE...]")
	g.flags(f)
	if status, ok := tool.Parse(f, contextLines(args)); !ok {
		return status
	}
	for _, option := range []string{"color", "colour"} {
		when := f.Lookup(option).Value.String()
		if !slices.Contains([]string{"never", "auto", "always"}, when) {
			return tool.Refuse(name, fmt.Errorf("unknown value %q of --%s", when, option))
		}
		g.color = g.color || when == "always" || when == "auto" && tool.Terminal()
	}
	g.extended, g.fixed, g.recursive = g.extended || extended, g.fixed || fixed, g.recursive || g.dereference
	files, err := g.takePatterns(f.Args())
	if errors.Is(err, errUsage) {
		return tool.Misused(f)
	}
	if err == nil {
		err = g.compile()
	}
	if err != nil {
		return tool.Refuse(name, err)
	}
	if !f.Changed("after-context") {
		g.after = g.context
	}
	if !f.Changed("before-context") {
		g.before = g.context
	}
	if g.recursive && len(files) == 0 {
		files, g.bare = []string{"."}, true
	}
	if len(files) > 1 || g.recursive {
		g.names = !g.noNames
	}
	out, flush := tool.Output()
	defer flush()
	g.out = out
	return g.files(tool.OrStdin(files))
}

// errUsage is the error of a call without a pattern.
var errUsage = errors.New("a pattern is missing")

// takePatterns reads the files of -f, and takes the first argument if there is no other pattern. It returns the files.
func (g *grep) takePatterns(args []string) ([]string, error) {
	for _, file := range g.patternFiles {
		var failed error
		if status := tool.Inputs("", []string{file}, func(in tool.Input) error {
			failed = tool.Lines(in, func(line []byte) bool { g.patterns = append(g.patterns, string(line)); return true })
			return failed
		}); status != 0 {
			return nil, fmt.Errorf("%s: it can't be read", tool.Printable(file))
		}
	}
	if len(g.patterns) > 0 || len(g.patternFiles) > 0 {
		return args, nil
	}
	if len(args) == 0 {
		return nil, errUsage
	}
	g.patterns = args[:1]
	return args[1:], nil
}

// files searches each file, and returns the status.
func (g *grep) files(list []string) int {
	status := 0
	for _, file := range list {
		err := g.search(file)
		if errors.Is(err, errFound) {
			return 0
		}
		if err != nil {
			status = grepTrouble
			if !g.silent {
				tool.Complain(g.name, err)
			}
		}
	}
	if g.matched && (status == 0 || g.quiet) {
		return 0
	}
	return max(status, 1)
}

// contextLines replaces -3 by -C 3.
func contextLines(args []string) []string {
	out := make([]string, 0, len(args))
	for _, arg := range args {
		if len(arg) > 1 && arg[0] == '-' && strings.Trim(arg[1:], "0123456789") == "" {
			out = append(out, "-C", arg[1:])
			continue
		}
		out = append(out, arg)
	}
	return out
}

func (g *grep) flags(f *pflag.FlagSet) {
	f.StringArrayVarP(&g.patterns, "regexp", "e", nil, "a pattern")
	f.BoolVarP(&g.extended, "extended-regexp", "E", false, "extended regular expressions")
	f.BoolP("basic-regexp", "G", false, "basic regular expressions (the default)")
	f.StringArrayVarP(&g.patternFiles, "file", "f", nil, "a file of patterns")
	f.BoolVarP(&g.perl, "perl-regexp", "P", false, "regular expressions in Go's syntax, without look-around")
	f.BoolVarP(&g.fixed, "fixed-strings", "F", false, "strings")
	f.BoolVarP(&g.ignoreCase, "ignore-case", "i", false, "ignore case")
	f.BoolVarP(&g.invert, "invert-match", "v", false, "lines that don't match")
	f.BoolVarP(&g.word, "word-regexp", "w", false, "whole words")
	f.BoolVarP(&g.line, "line-regexp", "x", false, "whole lines")
	f.BoolVarP(&g.count, "count", "c", false, "print the number of lines")
	f.BoolVarP(&g.list, "files-with-matches", "l", false, "print names of files with a match")
	f.BoolVarP(&g.listWithout, "files-without-match", "L", false, "print names of files without a match")
	f.BoolVarP(&g.number, "line-number", "n", false, "print line numbers")
	f.BoolVarP(&g.only, "only-matching", "o", false, "print the matching parts")
	f.BoolVarP(&g.quiet, "quiet", "q", false, "print nothing")
	f.BoolVarP(&g.silent, "no-messages", "s", false, "no messages about files that can't be read")
	f.BoolVarP(&g.names, "with-filename", "H", false, "print names of files")
	f.BoolVarP(&g.noNames, "no-filename", "h", false, "print no names of files")
	f.BoolVarP(&g.recursive, "recursive", "r", false, "search directories")
	f.BoolVarP(&g.dereference, "dereference-recursive", "R", false, "search directories, and follow links")
	f.BoolVarP(&g.text, "text", "a", false, "print matches of binary files")
	f.BoolVarP(&g.noBinary, "binary-files-without-match", "I", false, "skip binary files")
	f.IntVarP(&g.after, "after-context", "A", 0, "print lines after")
	f.IntVarP(&g.before, "before-context", "B", 0, "print lines before")
	f.IntVarP(&g.context, "context", "C", 0, "print lines around")
	f.IntVarP(&g.limit, "max-count", "m", 0, "stop after this number of lines")
	f.StringArrayVar(&g.include, "include", nil, "search files with this name only")
	f.StringArrayVar(&g.exclude, "exclude", nil, "skip files with this name")
	f.StringArrayVar(&g.excludeDir, "exclude-dir", nil, "skip directories with this name")
	f.BoolVarP(&g.offsets, "byte-offset", "b", false, "print offsets in bytes")
	f.BoolVarP(&g.zero, "null-data", "z", false, "lines end with NUL")
	f.BoolVarP(&g.nul, "null", "Z", false, "a NUL after names of files")
	f.BoolVarP(&g.tabs, "initial-tab", "T", false, "a tab before lines, if something is in front of them")
	f.BoolVarP(&g.ignoreCase, "y", "y", false, "as -i")
	f.BoolP("binary", "U", false, "lines as they are (the default)")
	f.String("color", "never", "never, auto or always: matches in red")
	f.Lookup("color").NoOptDefVal = "auto"
	f.String("colour", "never", "as --color")
	f.Lookup("colour").NoOptDefVal = "auto"
	f.BoolP("line-buffered", "", false, "write at once (the default)")
}

func (g *grep) compile() error {
	var all []string
	for _, arg := range g.patterns {
		for pattern := range strings.SplitSeq(arg, "\n") {
			switch {
			case g.fixed:
				pattern = regexp.QuoteMeta(pattern)
			case g.perl: // Go's syntax is Perl's; what it lacks, such as \K and look-around, is an error
				if _, err := regexp.Compile(pattern); err != nil {
					return err
				}
			default:
				translated, err := regex.Translate(pattern, g.extended)
				if err != nil {
					return fmt.Errorf("%q: %w", pattern, err)
				}
				pattern = translated
			}
			all = append(all, "(?:"+pattern+")")
		}
	}
	if len(all) == 0 {
		all = []string{`[^\x00-\x{10FFFF}]`} // an empty file of patterns matches nothing
	}
	whole := strings.Join(all, "|")
	switch {
	case g.line:
		whole = "^(?:" + whole + ")$"
	case g.word:
		whole = `(?:\b|^)(?:` + whole + `)(?:\b|$)`
	}
	if g.ignoreCase {
		whole = "(?i)" + whole
	}
	re, err := regexp.Compile(whole)
	if err != nil {
		return err
	}
	if !g.perl {
		re.Longest()
	}
	g.re = re
	return nil
}
