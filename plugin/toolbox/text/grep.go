package text

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// grep is a call of grep.
type grep struct {
	patterns, include, exclude, excludeDir []string
	extended, fixed, ignoreCase, invert    bool
	word, line, count, list, listWithout   bool
	number, only, quiet, silent            bool
	names, noNames, recursive, text        bool
	after, before, context, limit          int

	name    string
	re      *regexp.Regexp
	out     *bufio.Writer
	matched bool
}

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
	g.extended, g.fixed = g.extended || extended, g.fixed || fixed
	files := f.Args()
	if len(g.patterns) == 0 {
		if len(files) == 0 {
			f.Usage()
			return tool.Usage
		}
		g.patterns, files = files[:1], files[1:]
	}
	if err := g.compile(); err != nil {
		tool.Complain(name, err)
		return tool.Usage
	}
	if !f.Changed("after-context") {
		g.after = g.context
	}
	if !f.Changed("before-context") {
		g.before = g.context
	}
	if g.recursive && len(files) == 0 {
		files = []string{"."}
	}
	if len(files) > 1 || g.recursive {
		g.names = !g.noNames
	}
	out, flush := tool.Output()
	defer flush()
	g.out = out
	status := 0
	for _, file := range orStdin(files) {
		if err := g.search(file); err != nil && !g.silent {
			tool.Complain(name, err)
			status = tool.Usage
		} else if err != nil {
			status = tool.Usage
		}
	}
	if g.matched && (status == 0 || g.quiet) {
		return 0
	}
	return max(status, 1)
}

func orStdin(files []string) []string {
	if len(files) == 0 {
		return []string{"-"}
	}
	return files
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
	f.BoolVarP(&g.extended, "perl-regexp", "P", false, "regular expressions in Go's syntax, without look-around")
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
	f.BoolVarP(&g.recursive, "dereference-recursive", "R", false, "search directories")
	f.BoolVarP(&g.text, "text", "a", false, "print matches of binary files")
	f.BoolP("binary-files-without-match", "I", false, "skip binary files")
	f.IntVarP(&g.after, "after-context", "A", 0, "print lines after")
	f.IntVarP(&g.before, "before-context", "B", 0, "print lines before")
	f.IntVarP(&g.context, "context", "C", 0, "print lines around")
	f.IntVarP(&g.limit, "max-count", "m", 0, "stop after this number of lines")
	f.StringArrayVar(&g.include, "include", nil, "search files with this name only")
	f.StringArrayVar(&g.exclude, "exclude", nil, "skip files with this name")
	f.StringArrayVar(&g.excludeDir, "exclude-dir", nil, "skip directories with this name")
	f.String("color", "", "ignored")
	f.Lookup("color").NoOptDefVal = "auto"
	f.BoolP("line-buffered", "", false, "ignored")
}

func (g *grep) compile() error {
	var all []string
	for _, arg := range g.patterns {
		for pattern := range strings.SplitSeq(arg, "\n") {
			if g.fixed {
				pattern = regexp.QuoteMeta(pattern)
			} else {
				translated, err := translate(pattern, g.extended)
				if err != nil {
					return fmt.Errorf("%q: %w", pattern, err)
				}
				pattern = translated
			}
			all = append(all, "(?:"+pattern+")")
		}
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
	re.Longest()
	g.re = re
	return nil
}

// search searches a file, or a directory with -r.
func (g *grep) search(path string) error {
	if path == "-" {
		return g.file("(standard input)", os.Stdin)
	}
	if !g.recursive {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		if info, err := file.Stat(); err == nil && info.IsDir() {
			return fmt.Errorf("%s: is a directory", path)
		}
		return g.file(path, file)
	}
	failed := false
	err := filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		// As in GNU's grep, "grep -r x ." prints ./name.
		if path == "." && name != "." {
			name = "./" + name
		}
		if err != nil {
			failed = true
			if !g.silent {
				tool.Complain(g.name, err)
			}
			return nil
		}
		return g.entry(path, name, entry, &failed)
	})
	if err == nil && failed {
		err = errors.New("not everything could be read")
		g.silent = true // all has been said
	}
	return err
}

// entry searches an entry of a directory. What is neither a file nor the argument itself is skipped: a FIFO or a
// device would be waited for.
func (g *grep) entry(root, name string, entry fs.DirEntry, failed *bool) error {
	switch {
	case entry.IsDir():
		if name != root && matches(g.excludeDir, entry.Name()) {
			return fs.SkipDir
		}
		return nil
	case name != root && !entry.Type().IsRegular(),
		len(g.include) > 0 && !matches(g.include, entry.Name()),
		matches(g.exclude, entry.Name()):
		return nil
	}
	file, err := os.Open(name)
	if err == nil {
		err = g.file(name, file)
		file.Close()
	}
	if err != nil {
		*failed = true
		if !g.silent {
			tool.Complain(g.name, err)
		}
	}
	return nil
}

func matches(patterns []string, name string) bool {
	for _, pattern := range patterns {
		if ok, _ := filepath.Match(pattern, name); ok {
			return true
		}
	}
	return false
}

// file searches a file.
func (g *grep) file(name string, file *os.File) error {
	in := bufio.NewReaderSize(file, 64<<10)
	start, _ := in.Peek(4096)
	p := &grepFile{grep: g, name: tool.Printable(name), binary: !g.text && bytes.IndexByte(start, 0) >= 0}
	err := tool.Lines(in, p.add)
	switch {
	case g.count && !g.quiet:
		if g.names {
			fmt.Fprintf(g.out, "%s:", p.name)
		}
		fmt.Fprintln(g.out, p.found)
	case g.list && p.found > 0 && !g.quiet, g.listWithout && p.found == 0 && !g.quiet:
		fmt.Fprintln(g.out, p.name)
	}
	if g.listWithout && p.found == 0 || !g.listWithout && p.found > 0 {
		g.matched = true
	}
	return err
}

// grepFile is the search of a file.
type grepFile struct {
	*grep
	name    string
	binary  bool
	n       int      // of the line
	found   int      // matching lines
	earlier [][]byte // lines for -B
	rest    int      // lines for -A to print
	printed int      // the last line that was printed
}

// add looks at a line and returns false when no more are needed.
func (p *grepFile) add(line []byte) bool {
	p.n++
	if p.re.Match(line) == p.invert {
		p.other(line)
		return p.limit == 0 || p.found < p.limit || p.rest > 0
	}
	if p.limit > 0 && p.found == p.limit {
		return false
	}
	p.found++
	switch {
	case p.quiet, p.list, p.listWithout:
		return false
	case p.count:
		return true
	case p.binary:
		fmt.Fprintf(p.out, "%s: %s: binary file matches\n", p.grep.name, p.name)
		return false
	}
	first := p.n - len(p.earlier)
	if (p.before > 0 || p.after > 0) && p.printed > 0 && first > p.printed+1 {
		fmt.Fprintln(p.out, "--")
	}
	for i, earlier := range p.earlier {
		p.print(first+i, '-', earlier)
	}
	p.earlier = nil
	p.rest = p.after
	if p.only && !p.invert {
		for _, part := range p.re.FindAll(line, -1) {
			if len(part) > 0 {
				p.print(p.n, ':', part)
			}
		}
		return true
	}
	p.print(p.n, ':', line)
	return p.limit == 0 || p.found < p.limit || p.rest > 0
}

// other keeps or prints a line around a match.
func (p *grepFile) other(line []byte) {
	switch {
	case p.quiet || p.list || p.listWithout || p.count || p.binary || p.only:
	case p.rest > 0:
		p.rest--
		p.print(p.n, '-', line)
	case p.before > 0:
		if len(p.earlier) == p.before {
			p.earlier = p.earlier[1:]
		}
		p.earlier = append(p.earlier, bytes.Clone(line))
	}
}

func (p *grepFile) print(n int, mark byte, text []byte) {
	if p.names {
		fmt.Fprintf(p.out, "%s%c", p.name, mark)
	}
	if p.number {
		fmt.Fprintf(p.out, "%d%c", n, mark)
	}
	p.out.Write(text)
	p.out.WriteByte('\n')
	p.printed = n
}
