package sorting

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// joined is one of join's two files.
type joined struct {
	field    int // that is compared, from 1
	unpaired bool
	reader   *bufio.Reader
	next     []string // the fields of the next line; nil at the end
}

// join is a call of join.
type join struct {
	files     [2]joined
	separator string // empty: blanks
	missing   string // for a field that is not there
	list      [][2]int
	fold      bool
	onlyAlone bool // -v: no lines that are joined
	out       *bufio.Writer
}

// Join joins lines of two sorted files that have the same value in a field.
func Join(args []string) int {
	j := &join{}
	f := tool.Flags("join", "[-1 FIELD] [-2 FIELD] [-t CHARACTER] [-a FILE] [-v FILE] [-e TEXT] [-o LIST] FILE FILE")
	f.IntVarP(&j.files[0].field, "1", "1", 1, "the field of the first file")
	f.IntVarP(&j.files[1].field, "2", "2", 1, "the field of the second file")
	both := f.IntP("j", "j", 0, "the field of both")
	f.StringVarP(&j.separator, "t", "t", "", "the separator of fields")
	f.StringVarP(&j.missing, "e", "e", "", "what is printed for a field that is not there")
	f.BoolVarP(&j.fold, "ignore-case", "i", false, "ignore case")
	also := f.IntSliceP("a", "a", nil, "also lines of this file (1 or 2) that have no partner")
	alone := f.IntSliceP("v", "v", nil, "only lines of this file that have no partner")
	list := f.StringArrayP("o", "o", nil, "the fields to print, such as 1.2,2.1,0")
	header := f.Bool("header", false, "the first lines are titles")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() != 2 {
		return tool.Misused(f)
	}
	if *both > 0 {
		j.files[0].field, j.files[1].field = *both, *both
	}
	for _, n := range append(*also, *alone...) {
		if n != 1 && n != 2 {
			return tool.Complain("join", fmt.Errorf("invalid file number: %d", n))
		}
		j.files[n-1].unpaired = true
	}
	j.onlyAlone = len(*alone) > 0
	if err := j.fields(strings.Join(*list, ",")); err != nil {
		return tool.Complain("join", err)
	}
	out, flush := tool.Output()
	defer flush()
	j.out = out
	for i := range j.files {
		file := os.Stdin
		if name := f.Arg(i); name != "-" {
			var err error
			if file, err = tool.Open(name); err != nil {
				return tool.Complain("join", err)
			}
			defer file.Close()
		}
		j.files[i].reader = bufio.NewReaderSize(tool.Flushing(file), 64<<10)
	}
	if err := j.run(*header); err != nil {
		return tool.Complain("join", err)
	}
	return 0
}

// fields parses -o.
func (j *join) fields(text string) error {
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		if word == "0" {
			j.list = append(j.list, [2]int{0, 0})
			continue
		}
		file, field, ok := strings.Cut(word, ".")
		n, err := strconv.Atoi(field)
		if !ok || err != nil || n < 1 || file != "1" && file != "2" {
			return fmt.Errorf("invalid field specifier: %q", word)
		}
		j.list = append(j.list, [2]int{int(file[0] - '0'), n})
	}
	return nil
}

// read reads the next line of a file.
func (j *join) read(i int) error {
	line, err := tool.ReadRecord(j.files[i].reader, '\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	text := strings.TrimSuffix(string(line), "\n")
	switch {
	case len(line) == 0:
		j.files[i].next = nil
	case j.separator != "":
		j.files[i].next = strings.Split(text, j.separator)
	default:
		if j.files[i].next = strings.Fields(text); j.files[i].next == nil {
			j.files[i].next = []string{""}
		}
	}
	return nil
}

// key returns the field that is compared.
func (j *join) key(i int, fields []string) string {
	key := ""
	if n := j.files[i].field; n >= 1 && n <= len(fields) {
		key = fields[n-1]
	}
	if j.fold {
		key = strings.ToLower(key)
	}
	return key
}

func (j *join) run(header bool) error {
	if err := errors.Join(j.read(0), j.read(1)); err != nil {
		return err
	}
	if header {
		j.print(j.files[0].next, j.files[1].next)
		if err := errors.Join(j.read(0), j.read(1)); err != nil {
			return err
		}
	}
	for j.files[0].next != nil || j.files[1].next != nil {
		first, second := j.key(0, j.files[0].next), j.key(1, j.files[1].next)
		side := 0
		switch {
		case j.files[0].next != nil && j.files[1].next != nil && first == second:
			if err := j.pair(first); err != nil {
				return err
			}
			continue
		case j.files[0].next == nil || j.files[1].next != nil && second < first:
			side = 1
		}
		if j.files[side].unpaired {
			sides := [2][]string{}
			sides[side] = j.files[side].next
			j.print(sides[0], sides[1])
		}
		if err := j.read(side); err != nil {
			return err
		}
	}
	return nil
}

// pair joins all lines of both files that have a key.
func (j *join) pair(key string) error {
	var groups [2][][]string
	var kept tool.Kept
	for i := range groups {
		for j.files[i].next != nil && j.key(i, j.files[i].next) == key {
			groups[i] = append(groups[i], j.files[i].next)
			for _, field := range j.files[i].next {
				if err := kept.Add(len(field) + 16); err != nil {
					return err
				}
			}
			if err := j.read(i); err != nil {
				return err
			}
		}
	}
	if j.onlyAlone {
		return nil
	}
	for _, first := range groups[0] {
		for _, second := range groups[1] {
			j.print(first, second)
		}
	}
	return nil
}

// print prints a line of each file, or of one.
func (j *join) print(first, second []string) {
	lines := [2][]string{first, second}
	field := func(i, n int) string {
		if n <= len(lines[i]) && lines[i][n-1] != "" {
			return lines[i][n-1]
		}
		return j.missing
	}
	own := 0
	if first == nil {
		own = 1
	}
	var words []string
	for _, one := range j.list {
		if one[0] == 0 {
			words = append(words, field(own, j.files[own].field))
		} else {
			words = append(words, field(one[0]-1, one[1]))
		}
	}
	if j.list == nil {
		words = append(words, field(own, j.files[own].field))
		for i, line := range lines {
			for n := range line {
				if n+1 != j.files[i].field {
					words = append(words, field(i, n+1))
				}
			}
		}
	}
	separator := j.separator
	if separator == "" {
		separator = " "
	}
	j.out.WriteString(strings.Join(words, separator) + "\n")
}
