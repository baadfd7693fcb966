// Package sorting has sort, and uniq, which drops equal lines that follow each other.
package sorting

import (
	"bufio"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// order is how keys are compared.
type order struct {
	numeric, human, version, reverse, fold, blanks, general, month, dictionary bool
}

func (o *order) set(letters string) error {
	for _, l := range letters {
		switch l {
		case 'n':
			o.numeric = true
		case 'h':
			o.human = true
		case 'V':
			o.version = true
		case 'r':
			o.reverse = true
		case 'f':
			o.fold = true
		case 'b':
			o.blanks = true
		case 'g':
			o.general = true
		case 'M':
			o.month = true
		case 'd':
			o.dictionary = true
		default:
			return fmt.Errorf("unknown order %q", l)
		}
	}
	return nil
}

// key is a part of a line. Fields and characters count from 1; 0 is the end.
type key struct {
	fromField, fromChar, toField, toChar int
	order
	own bool // it has letters of its own
}

// sortTrouble is the status of sort if something went wrong: 1 says that the input is not sorted.
const sortTrouble = 2

// Sort sorts lines.
func Sort(args []string) int {
	f := tool.Flags("sort", "[OPTIONS] [FILE...]")
	var whole order
	f.BoolVarP(&whole.numeric, "numeric-sort", "n", false, "compare numbers")
	f.BoolVarP(&whole.human, "human-numeric-sort", "h", false, "compare numbers such as 2K")
	f.BoolVarP(&whole.general, "general-numeric-sort", "g", false, "compare numbers such as 1e3")
	f.BoolVarP(&whole.version, "version-sort", "V", false, "compare versions")
	f.BoolVarP(&whole.month, "month-sort", "M", false, "compare months")
	f.BoolVarP(&whole.reverse, "reverse", "r", false, "reverse")
	f.BoolVarP(&whole.fold, "ignore-case", "f", false, "ignore case")
	f.BoolVarP(&whole.blanks, "ignore-leading-blanks", "b", false, "ignore blanks at the beginning")
	f.BoolVarP(&whole.dictionary, "dictionary-order", "d", false, "compare letters, digits and blanks only")
	unique := f.BoolP("unique", "u", false, "one of equal lines")
	stable := f.BoolP("stable", "s", false, "keep the order of equal keys")
	random := f.BoolP("random-sort", "R", false, "shuffle")
	check := f.BoolP("check", "c", false, "report the first line that is out of order")
	checkQuiet := f.BoolP("check-silent", "C", false, "as -c, without a message")
	f.BoolP("merge", "m", false, "merge sorted files: they are sorted again")
	f.Int("parallel", 1, "how many threads to use: one is used")
	f.StringP("buffer-size", "S", "", "how much memory to use: what is needed is used")
	f.StringP("temporary-directory", "T", "", "where to keep files: none are made")
	zero := f.BoolP("zero-terminated", "z", false, "lines end with NUL")
	separator := f.StringP("field-separator", "t", "", "the separator of fields")
	keys := f.StringArrayP("key", "k", nil, "a key: FIELD[.CHARACTER][LETTERS][,FIELD[.CHARACTER]]")
	output := f.StringP("output", "o", "", "the file to write")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	s := sorter{whole: whole, separator: *separator, stable: *stable || *unique}
	if *separator == `\0` {
		s.separator = "\x00"
	}
	for _, text := range *keys {
		k, err := parseKey(text, whole)
		if err != nil {
			return tool.Refuse("sort", err)
		}
		s.keys = append(s.keys, k)
	}
	end := byte('\n')
	if *zero {
		end = 0
	}
	if *check || *checkQuiet {
		return s.check(f.Args(), end, *checkQuiet, *unique)
	}
	var lines []string
	var kept tool.Kept
	status := tool.Inputs("sort", f.Args(), func(in tool.Input) error {
		var failed error
		err := tool.Records(in, end, func(line []byte) bool {
			lines = append(lines, string(line))
			failed = kept.Add(len(line) + header)
			return failed == nil
		})
		return cmp.Or(failed, err)
	})
	if status != 0 { // a part of the lines would be a wrong answer
		return sortTrouble
	}
	if *random {
		rand.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	} else {
		slices.SortStableFunc(lines, s.compare)
	}
	if *unique {
		lines = slices.CompactFunc(lines, func(a, b string) bool { return s.byKeys(a, b) == 0 })
	}
	if err := writeLines(*output, lines, end); err != nil {
		return tool.Complain("sort", err)
	}
	return status
}

func writeLines(path string, lines []string, end byte) error {
	file := os.Stdout
	if path != "" {
		var err error
		if file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666); err != nil { //nolint:gosec // the umask decides
			return err
		}
		defer file.Close()
	}
	write := func() error {
		if path != "" {
			if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
				if err := file.Truncate(0); err != nil {
					return err
				}
			}
		}
		w := bufio.NewWriter(file)
		for _, line := range lines {
			w.WriteString(line)
			w.WriteByte(end)
		}
		return w.Flush()
	}
	if path == "" {
		return write()
	}
	return tool.Held(write) // it may be the file that was sorted
}

// parseKey parses the value of -k.
func parseKey(text string, whole order) (key, error) {
	k := key{}
	from, to, two := strings.Cut(text, ",")
	var letters strings.Builder
	for i, position := range []string{from, to} {
		if i == 1 && !two {
			break
		}
		end := strings.IndexFunc(position, unicode.IsLetter)
		if end >= 0 {
			letters.WriteString(position[end:])
			position = position[:end]
		}
		field, char, dot := strings.Cut(position, ".")
		f, err := strconv.Atoi(field)
		c := 0
		if dot && err == nil {
			c, err = strconv.Atoi(char)
		}
		if err != nil || f < 1 || c < 0 {
			return k, fmt.Errorf("invalid key %q", text)
		}
		if i == 0 {
			k.fromField, k.fromChar = f, max(c, 1)
		} else {
			k.toField, k.toChar = f, c
		}
	}
	if letters.String() == "" {
		k.order = whole
		return k, nil
	}
	k.own = true
	return k, k.set(letters.String())
}

// header is what Go keeps of each line beside its text, in bytes.
const header = 32

// sorter compares lines.
type sorter struct {
	whole     order
	keys      []key
	separator string
	stable    bool
}

func (s *sorter) compare(a, b string) int {
	if c := s.byKeys(a, b); c != 0 || s.stable {
		return c
	}
	c := cmp.Compare(a, b)
	if s.whole.reverse {
		return -c
	}
	return c
}

func (s *sorter) byKeys(a, b string) int {
	if len(s.keys) == 0 {
		return s.whole.compare(a, b)
	}
	for _, k := range s.keys {
		if c := k.compare(s.part(a, k), s.part(b, k)); c != 0 {
			return c
		}
	}
	return 0
}

// check reports the first line that is out of order.
func (s *sorter) check(files []string, end byte, quiet, unique bool) int {
	last, n, disorder := "", 0, false
	status := tool.Inputs("sort", files, func(in tool.Input) error {
		return tool.Records(in, end, func(b []byte) bool {
			line := string(b)
			n++
			if n > 1 {
				c := s.compare(last, line)
				disorder = c > 0 || unique && c == 0
			}
			if disorder && !quiet {
				fmt.Fprintf(os.Stderr, "sort: line %d is out of order: %s\n", n, tool.Printable(line))
			}
			last = line
			return !disorder
		})
	})
	switch {
	case status != 0:
		return sortTrouble
	case disorder:
		return 1
	}
	return 0
}

// part returns a key of a line.
func (s *sorter) part(line string, k key) string {
	start, _ := s.field(line, k.fromField)
	if k.blanks {
		start += len(line[start:]) - len(strings.TrimLeft(line[start:], " \t"))
	}
	start = min(start+k.fromChar-1, len(line))
	end := len(line)
	if k.toField > 0 {
		fieldStart, fieldEnd := s.field(line, k.toField)
		end = fieldEnd
		if k.toChar > 0 {
			end = min(fieldStart+k.toChar, len(line))
		}
	}
	return line[start:max(start, end)]
}

// field returns where a field starts and ends. Without a separator, a field includes the blanks before it.
func (s *sorter) field(line string, n int) (start, end int) {
	if s.separator != "" {
		return s.separated(line, n)
	}
	for ; ; n-- {
		end = start
		for end < len(line) && isBlank(line[end]) {
			end++
		}
		for end < len(line) && !isBlank(line[end]) {
			end++
		}
		if n == 1 || end == len(line) {
			if n > 1 {
				return len(line), len(line)
			}
			return start, end
		}
		start = end
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// separated is field with a separator.
func (s *sorter) separated(line string, n int) (start, end int) {
	for ; n > 1; n-- {
		i := strings.Index(line[start:], s.separator)
		if i < 0 {
			return len(line), len(line)
		}
		start += i + len(s.separator)
	}
	if i := strings.Index(line[start:], s.separator); i >= 0 {
		return start, start + i
	}
	return start, len(line)
}
