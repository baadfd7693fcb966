package text

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// span is a range of fields, which count from 1.
type span struct{ from, to int }

// spans parses a list such as 1,3-5,7-.
func spans(text string) (list []span, err error) {
	for part := range strings.SplitSeq(text, ",") {
		from, to, open := strings.Cut(part, "-")
		s := span{1, math.MaxInt}
		if from != "" {
			if s.from, err = strconv.Atoi(from); err != nil {
				return nil, fmt.Errorf("invalid list %q", text)
			}
		}
		switch {
		case !open:
			s.to = s.from
		case to != "":
			if s.to, err = strconv.Atoi(to); err != nil {
				return nil, fmt.Errorf("invalid list %q", text)
			}
		}
		if s.from < 1 || s.to < s.from || part == "-" || part == "" {
			return nil, fmt.Errorf("invalid list %q", text)
		}
		list = append(list, s)
	}
	return list, nil
}

func chosen(list []span, n int, complement bool) bool {
	for _, s := range list {
		if n >= s.from && n <= s.to {
			return !complement
		}
	}
	return complement
}

// Cut prints parts of lines.
func Cut(args []string) int {
	f := tool.Flags("cut", "-f LIST | -c LIST | -b LIST [OPTIONS] [FILE...]")
	fields := f.StringP("fields", "f", "", "fields")
	characters := f.StringP("characters", "c", "", "characters")
	byteList := f.StringP("bytes", "b", "", "bytes")
	delimiter := f.StringP("delimiter", "d", "\t", "the separator of fields")
	only := f.BoolP("only-delimited", "s", false, "skip lines without a separator")
	complement := f.Bool("complement", false, "all but the list")
	output := f.String("output-delimiter", "", "the separator to print")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if !f.Changed("output-delimiter") {
		*output = *delimiter
	}
	list, err := spans(*fields + *characters + *byteList)
	if err != nil {
		tool.Complain("cut", err)
		return tool.Usage
	}
	out, flush := tool.Output()
	defer flush()
	return tool.Inputs("cut", f.Args(), func(in tool.Input) error {
		return tool.Lines(in, func(line []byte) bool {
			switch {
			case *fields != "":
				if !bytes.Contains(line, []byte(*delimiter)) {
					if *only {
						return true
					}
					out.Write(line)
					break
				}
				cutFields(out, line, list, *complement, *delimiter, *output)
			case *characters != "":
				for i, r := range []rune(string(line)) {
					if chosen(list, i+1, *complement) {
						out.WriteRune(r)
					}
				}
			default:
				for i, c := range line {
					if chosen(list, i+1, *complement) {
						out.WriteByte(c)
					}
				}
			}
			return out.WriteByte('\n') == nil
		})
	})
}

func cutFields(out *bufio.Writer, line []byte, list []span, complement bool, delimiter, between string) {
	first := true
	for i, field := range bytes.Split(line, []byte(delimiter)) {
		if !chosen(list, i+1, complement) {
			continue
		}
		if !first {
			out.WriteString(between)
		}
		first = false
		out.Write(field)
	}
}

// Uniq prints one of equal lines that follow each other.
func Uniq(args []string) int {
	f := tool.Flags("uniq", "[OPTIONS] [INPUT [OUTPUT]]")
	counted := f.BoolP("count", "c", false, "print how many")
	repeated := f.BoolP("repeated", "d", false, "lines that are repeated only")
	unique := f.BoolP("unique", "u", false, "lines that are not repeated only")
	fold := f.BoolP("ignore-case", "i", false, "ignore case")
	skipFields := f.IntP("skip-fields", "f", 0, "ignore this number of fields")
	skipChars := f.IntP("skip-chars", "s", 0, "ignore this number of characters")
	checkChars := f.IntP("check-chars", "w", 0, "compare this number of characters at most")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	key := func(line string) string {
		for range *skipFields {
			line = strings.TrimLeft(line, " \t")
			line = line[len(line)-len(strings.TrimLeftFunc(line, func(r rune) bool { return r != ' ' && r != '\t' })):]
		}
		line = line[min(*skipChars, len(line)):]
		if *checkChars > 0 {
			line = line[:min(*checkChars, len(line))]
		}
		if *fold {
			line = strings.ToLower(line)
		}
		return line
	}
	out, flush := tool.Output()
	defer flush()
	last, n := "", 0
	print := func() {
		if n == 0 || *repeated && n == 1 || *unique && n > 1 {
			return
		}
		if *counted {
			fmt.Fprintf(out, "%7d ", n)
		}
		out.WriteString(last + "\n")
	}
	status := tool.Inputs("uniq", f.Args()[:min(1, f.NArg())], func(in tool.Input) error {
		return tool.Lines(in, func(line []byte) bool {
			if n > 0 && key(string(line)) == key(last) {
				n++
				return true
			}
			print()
			last, n = string(line), 1
			return true
		})
	})
	print()
	return status
}

// counts are what wc counts.
type counts struct{ lines, words, characters, bytes, longest int }

// Wc counts lines, words and bytes.
func Wc(args []string) int {
	f := tool.Flags("wc", "[-clLmw] [FILE...]")
	lines := f.BoolP("lines", "l", false, "lines")
	words := f.BoolP("words", "w", false, "words")
	characters := f.BoolP("chars", "m", false, "characters")
	size := f.BoolP("bytes", "c", false, "bytes")
	longest := f.BoolP("max-line-length", "L", false, "the longest line's length")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if !*lines && !*words && !*characters && !*size && !*longest {
		*lines, *words, *size = true, true, true
	}
	type row struct {
		counts
		name string
	}
	var rows []row
	var total counts
	status := tool.Inputs("wc", f.Args(), func(in tool.Input) error {
		c, err := countText(in)
		name := in.Name
		if f.NArg() == 0 {
			name = ""
		}
		rows = append(rows, row{c, name})
		total.lines += c.lines
		total.words += c.words
		total.characters += c.characters
		total.bytes += c.bytes
		total.longest = max(total.longest, c.longest)
		return err
	})
	if f.NArg() > 1 {
		rows = append(rows, row{total, "total"})
	}
	numbers := func(c counts) (list []int) {
		for _, n := range []struct {
			wanted bool
			n      int
		}{{*lines, c.lines}, {*words, c.words}, {*characters, c.characters}, {*size, c.bytes}, {*longest, c.longest}} {
			if n.wanted {
				list = append(list, n.n)
			}
		}
		return list
	}
	width := len(strconv.Itoa(max(total.bytes, total.characters)))
	switch {
	case len(numbers(total)) == 1 && f.NArg() <= 1:
		width = 1
	case f.NArg() == 0 && !regularInput():
		width = 7
	}
	out, flush := tool.Output()
	defer flush()
	for _, r := range rows {
		for i, n := range numbers(r.counts) {
			if i > 0 {
				out.WriteByte(' ')
			}
			fmt.Fprintf(out, "%*d", width, n)
		}
		if r.name != "" {
			out.WriteString(" " + tool.Printable(r.name))
		}
		out.WriteByte('\n')
	}
	return status
}

func regularInput() bool {
	info, err := os.Stdin.Stat()
	return err == nil && info.Mode().IsRegular()
}

func countText(in io.Reader) (c counts, err error) {
	buf := make([]byte, 64<<10)
	word, column := false, 0
	for {
		n, err := in.Read(buf)
		c.bytes += n
		for _, b := range buf[:n] {
			if utf8.RuneStart(b) {
				c.characters++
				column++
			}
			switch b {
			case '\n':
				c.lines++
				c.longest = max(c.longest, column-1)
				column = 0
				word = false
			case ' ', '\t', '\r', '\v', '\f':
				word = false
			default:
				if !word {
					c.words++
					word = true
				}
			}
		}
		if err != nil {
			c.longest = max(c.longest, column)
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return c, err
		}
	}
}

// Paste joins lines of files.
func Paste(args []string) int {
	f := tool.Flags("paste", "[-s] [-d LIST] [FILE...]")
	delimiters := f.StringP("delimiters", "d", "\t", "the separators, in turn")
	serial := f.BoolP("serial", "s", false, "join the lines of each file")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	between := []rune(strings.NewReplacer(`\t`, "\t", `\n`, "\n", `\0`, "").Replace(*delimiters))
	separator := func(i int) string {
		if len(between) == 0 {
			return ""
		}
		return string(between[i%len(between)])
	}
	out, flush := tool.Output()
	defer flush()
	var files [][]string
	status := tool.Inputs("paste", f.Args(), func(in tool.Input) error {
		var lines []string
		err := tool.Lines(in, func(line []byte) bool {
			lines = append(lines, string(line))
			return true
		})
		files = append(files, lines)
		return err
	})
	if *serial {
		for _, lines := range files {
			for i, line := range lines {
				if i > 0 {
					out.WriteString(separator(i - 1))
				}
				out.WriteString(line)
			}
			out.WriteByte('\n')
		}
		return status
	}
	for n := 0; ; n++ {
		var row strings.Builder
		more := false
		for i, lines := range files {
			if i > 0 {
				row.WriteString(separator(i - 1))
			}
			if n < len(lines) {
				more = true
				row.WriteString(lines[n])
			}
		}
		if !more {
			return status
		}
		out.WriteString(row.String() + "\n")
	}
}

// Nl numbers lines.
func Nl(args []string) int {
	f := tool.Flags("nl", "[-b a|t] [FILE...]")
	style := f.StringP("body-numbering", "b", "t", "a: all lines, t: those that are not empty")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	out, flush := tool.Output()
	defer flush()
	n := 0
	return tool.Inputs("nl", f.Args(), func(in tool.Input) error {
		return tool.Lines(in, func(line []byte) bool {
			if len(line) == 0 && *style != "a" {
				return out.WriteByte('\n') == nil
			}
			n++
			_, err := fmt.Fprintf(out, "%6d\t%s\n", n, line)
			return err == nil
		})
	})
}

// Fold breaks long lines.
func Fold(args []string) int {
	f := tool.Flags("fold", "[-s] [-w WIDTH] [FILE...]")
	width := f.IntP("width", "w", 80, "characters of a line")
	spaces := f.BoolP("spaces", "s", false, "break after a blank")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if *width < 1 {
		return tool.Complain("fold", errors.New("the width must be at least 1"))
	}
	out, flush := tool.Output()
	defer flush()
	return tool.Inputs("fold", f.Args(), func(in tool.Input) error {
		return tool.Lines(in, func(line []byte) bool {
			rest := []rune(string(line))
			for len(rest) > *width {
				at := *width
				if *spaces {
					if blank := strings.LastIndexAny(string(rest[:at]), " \t"); blank >= 0 {
						at = utf8.RuneCountInString(string(rest[:at])[:blank]) + 1
					}
				}
				out.WriteString(string(rest[:at]) + "\n")
				rest = rest[at:]
			}
			_, err := out.WriteString(string(rest) + "\n")
			return err == nil
		})
	})
}
