package lines

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
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
	zero := f.BoolP("zero-terminated", "z", false, "lines end with NUL")
	output := f.String("output-delimiter", "", "the separator to print")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	end := byte('\n')
	if *zero {
		end = 0
	}
	between := *output
	if !f.Changed("output-delimiter") {
		*output = *delimiter
	}
	list, err := spans(*fields + *characters + *byteList)
	if err != nil {
		return tool.Refuse("cut", err)
	}
	out, flush := tool.Output()
	defer flush()
	one := func(line []byte) bool {
		for i, c := range line {
			if chosen(list, i+1, *complement) {
				separate(out, list, i+1, *complement, between)
				out.WriteByte(c)
			}
		}
		return true
	}
	switch {
	case *fields != "":
		one = func(line []byte) bool {
			if !bytes.Contains(line, []byte(*delimiter)) {
				if !*only {
					out.Write(line)
				}
				return !*only
			}
			cutFields(out, line, list, *complement, *delimiter, *output)
			return true
		}
	case *characters != "":
		one = func(line []byte) bool {
			cutCharacters(out, line, list, *complement, between)
			return true
		}
	}
	return tool.Inputs("cut", f.Args(), func(in tool.Input) error {
		return tool.Records(in, end, func(line []byte) bool { return !one(line) || out.WriteByte(end) == nil })
	})
}

// separate writes what is between two ranges of characters.
func separate(out *bufio.Writer, list []span, n int, complement bool, between string) {
	if between == "" || chosen(list, n-1, complement) && n > 1 {
		return
	}
	for before := n - 2; before > 0; before-- {
		if chosen(list, before, complement) {
			out.WriteString(between)
			return
		}
	}
}

func cutCharacters(out *bufio.Writer, line []byte, list []span, complement bool, between string) {
	for i, r := range []rune(string(line)) {
		if chosen(list, i+1, complement) {
			separate(out, list, i+1, complement, between)
			out.WriteRune(r)
		}
	}
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

// Nl numbers lines.
func Nl(args []string) int {
	f := tool.Flags("nl", "[-b a|t|n] [-n ln|rn|rz] [-w WIDTH] [-s TEXT] [-v FIRST] [-i STEP] [FILE...]")
	style := f.StringP("body-numbering", "b", "t", "a: all lines, t: those that are not empty, n: none")
	format := f.StringP("number-format", "n", "rn", "ln, rn or rz: on the left, on the right, with zeros")
	width := f.IntP("number-width", "w", 6, "the width of numbers")
	between := f.StringP("number-separator", "s", "\t", "what is behind a number")
	n := f.IntP("starting-line-number", "v", 1, "the first number")
	step := f.IntP("line-increment", "i", 1, "the step from a number to the next")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	verb := map[string]string{"ln": "%-*d%s%s\n", "rn": "%*d%s%s\n", "rz": "%0*d%s%s\n"}[*format]
	if verb == "" || *width < 1 || *width > 100 || !slices.Contains([]string{"a", "t", "n"}, *style) {
		return tool.Misused(f)
	}
	out, flush := tool.Output()
	defer flush()
	return tool.Inputs("nl", f.Args(), func(in tool.Input) error {
		return tool.Lines(in, func(line []byte) bool {
			if len(line) == 0 && *style != "a" || *style == "n" {
				_, err := fmt.Fprintf(out, "%*s%s\n", *width+len(*between), "", line)
				return err == nil
			}
			_, err := fmt.Fprintf(out, verb, *width, *n, *between, line)
			*n += *step
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
