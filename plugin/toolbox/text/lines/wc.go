package lines

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"unicode/utf8"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

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
	wanted := []bool{*lines, *words, *characters, *size, *longest}
	var rows []wcRow
	var total counts
	status := tool.Inputs("wc", f.Args(), func(in tool.Input) error {
		c, err := countText(in)
		name := in.Name
		if f.NArg() == 0 {
			name = ""
		}
		rows = append(rows, wcRow{c, name})
		total.lines += c.lines
		total.words += c.words
		total.characters += c.characters
		total.bytes += c.bytes
		total.longest = max(total.longest, c.longest)
		return err
	})
	if f.NArg() > 1 {
		rows = append(rows, wcRow{total, "total"})
	}
	width := len(strconv.Itoa(max(total.bytes, total.characters)))
	switch {
	case len(total.numbers(wanted)) == 1 && f.NArg() <= 1:
		width = 1
	case f.NArg() == 0 && !regularInput():
		width = 7
	}
	out, flush := tool.Output()
	defer flush()
	for _, r := range rows {
		r.write(out, wanted, width)
	}
	return status
}

// wcRow is a line of wc.
type wcRow struct {
	counts
	name string
}

// numbers returns the numbers that are wanted.
func (c counts) numbers(wanted []bool) (list []int) {
	for i, n := range []int{c.lines, c.words, c.characters, c.bytes, c.longest} {
		if wanted[i] {
			list = append(list, n)
		}
	}
	return list
}

func (r *wcRow) write(out *bufio.Writer, wanted []bool, width int) {
	for i, n := range r.numbers(wanted) {
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
