package lines

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// stops are the places of tabs: a list, or the distance between them.
type stops struct {
	every int
	list  []int
}

// next returns the place of the next tab behind a column, from 0.
func (s stops) next(column int) int {
	for _, stop := range s.list {
		if stop > column {
			return stop
		}
	}
	if len(s.list) > 0 {
		return column + 1
	}
	return column - column%s.every + s.every
}

// past reports whether no tab is behind a column.
func (s stops) past(column int) bool {
	return len(s.list) > 0 && column >= s.list[len(s.list)-1]
}

// parseStops parses the value of -t: 4 or 4,8,20.
func parseStops(text string) (s stops, err error) {
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || len(s.list) > 0 && n <= s.list[len(s.list)-1] {
			return s, fmt.Errorf("%q is no list of tabs", text)
		}
		s.list = append(s.list, n)
	}
	switch len(s.list) {
	case 0:
		return s, fmt.Errorf("%q is no list of tabs", text)
	case 1:
		return stops{every: s.list[0]}, nil
	}
	return s, nil
}

// numberAsTabs writes -4 as -t4.
func numberAsTabs(args []string) []string {
	out := make([]string, len(args))
	for i, arg := range args {
		if len(arg) > 1 && arg[0] == '-' && strings.Trim(arg[1:], "0123456789,") == "" {
			arg = "-t" + arg[1:]
		}
		out[i] = arg
	}
	return out
}

// Expand writes tabs as spaces.
func Expand(args []string) int {
	f := tool.Flags("expand", "[-i] [-t LIST] [FILE...]")
	initial := f.BoolP("initial", "i", false, "only tabs at the beginning of lines")
	tabs := f.StringP("tabs", "t", "8", "the distance of tabs, or a list of their columns")
	if status, ok := tool.Parse(f, numberAsTabs(args)); !ok {
		return status
	}
	s, err := parseStops(*tabs)
	if err != nil {
		return tool.Refuse("expand", err)
	}
	return eachPlain("expand", f.Args(), func(out *bufio.Writer, line string) {
		column, begin := 0, true
		for _, r := range line {
			begin = begin && (r == ' ' || r == '\t')
			if r != '\t' || *initial && !begin {
				out.WriteRune(r)
				column++
				continue
			}
			to := s.next(column)
			out.WriteString(strings.Repeat(" ", to-column))
			column = to
		}
	})
}

// Unexpand writes spaces as tabs.
func Unexpand(args []string) int {
	f := tool.Flags("unexpand", "[-a] [-t LIST] [FILE...]")
	all := f.BoolP("all", "a", false, "all spaces, not only those at the beginning of lines")
	first := f.Bool("first-only", false, "only those at the beginning, also with -t")
	tabs := f.StringP("tabs", "t", "8", "the distance of tabs, or a list of their columns; implies -a")
	if status, ok := tool.Parse(f, numberAsTabs(args)); !ok {
		return status
	}
	s, err := parseStops(*tabs)
	if err != nil {
		return tool.Refuse("unexpand", err)
	}
	everywhere := (*all || f.Changed("tabs")) && !*first
	return eachPlain("unexpand", f.Args(), func(out *bufio.Writer, line string) {
		for column := 0; line != ""; {
			rest := strings.TrimLeft(line, " \t")
			column = tabbed(out, s, column, line[:len(line)-len(rest)])
			end := len(rest)
			if at := strings.IndexAny(rest, " \t"); at >= 0 && everywhere {
				end = at
			}
			out.WriteString(rest[:end])
			column += utf8.RuneCountInString(rest[:end])
			line = rest[end:]
		}
	})
}

// tabbed writes blanks with as many tabs as possible. A single space in front of a tab's place stays, unless more blanks follow. It
// returns the column behind them.
func tabbed(out *bufio.Writer, s stops, column int, blanks string) int {
	to := column
	for _, r := range blanks {
		if r == '\t' {
			to = s.next(to)
		} else {
			to++
		}
	}
	for column < to && !s.past(column) {
		next := s.next(column)
		if next > to || next == column+1 && next == to && blanks[len(blanks)-1] == ' ' {
			break
		}
		out.WriteByte('\t')
		column = next
	}
	out.WriteString(strings.Repeat(" ", to-column))
	return to
}

// eachPlain calls write for each line of files.
func eachPlain(name string, files []string, write func(out *bufio.Writer, line string)) int {
	out, flush := tool.Output()
	defer flush()
	return tool.Inputs(name, files, func(in tool.Input) error {
		return tool.Lines(in, func(line []byte) bool {
			write(out, string(line))
			return out.WriteByte('\n') == nil
		})
	})
}
