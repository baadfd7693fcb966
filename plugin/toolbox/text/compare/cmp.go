package compare

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Cmp compares files byte by byte.
func Cmp(args []string) int {
	f := tool.Flags("cmp", "[-ls] [-n BYTES] FILE FILE")
	quiet := f.BoolP("quiet", "s", false, "print nothing")
	all := f.BoolP("verbose", "l", false, "print all bytes that differ, and their places")
	most := f.Int64P("bytes", "n", -1, "compare so many bytes at most")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() != 2 {
		return tool.Misused(f)
	}
	readers := make([]*bufio.Reader, 2)
	for i, path := range f.Args() {
		file := os.Stdin
		if path != "-" {
			var err error
			if file, err = tool.Open(path); err != nil {
				return tool.Refuse("cmp", err)
			}
			defer file.Close()
		}
		readers[i] = bufio.NewReader(file)
		if *most >= 0 {
			readers[i] = bufio.NewReader(io.LimitReader(file, *most))
		}
	}
	if *all {
		return cmpAll(readers, f.Args())
	}
	n, line, short := firstDifference(readers[0], readers[1])
	switch {
	case n == 0:
		return 0
	case *quiet:
	case short >= 0:
		fmt.Fprintf(os.Stderr, "cmp: EOF on %s after byte %d\n", tool.Printable(f.Arg(short)), n-1)
	default:
		tool.Printf("%s %s differ: byte %d, line %d\n", tool.Printable(f.Arg(0)), tool.Printable(f.Arg(1)), n, line)
	}
	return 1
}

// cmpAll prints all bytes that differ.
func cmpAll(readers []*bufio.Reader, names []string) int {
	width := 1
	if one, err := os.Stat(names[0]); err == nil {
		width = len(strconv.FormatInt(one.Size(), 10))
	}
	if other, err := os.Stat(names[1]); err == nil {
		width = max(1, min(width, len(strconv.FormatInt(other.Size(), 10))))
	}
	out, flush := tool.Output()
	defer flush()
	status := 0
	for n := int64(1); ; n++ {
		a, aErr := readers[0].ReadByte()
		b, bErr := readers[1].ReadByte()
		switch {
		case aErr != nil && bErr != nil:
			return status
		case aErr != nil || bErr != nil:
			_ = out.Flush()
			short := names[map[bool]int{true: 1}[bErr != nil]]
			fmt.Fprintf(os.Stderr, "cmp: EOF on %s after byte %d\n", tool.Printable(short), n-1)
			return 1
		case a != b:
			status = 1
			fmt.Fprintf(out, "%*d %3o %3o\n", width, n, a, b)
		}
	}
}

// firstDifference returns the first byte that differs, from 1, its line, and which of the two ends there, or -1. Without a
// difference, the byte is 0.
func firstDifference(one, other *bufio.Reader) (n, line, short int) {
	line = 1
	for n = 1; ; n++ {
		a, aErr := one.ReadByte()
		b, bErr := other.ReadByte()
		switch {
		case aErr != nil && bErr != nil:
			return 0, 0, -1
		case aErr != nil:
			return n, line, 0
		case bErr != nil:
			return n, line, 1
		case a != b:
			return n, line, -1
		case a == '\n':
			line++
		}
	}
}

// Comm compares sorted files line by line.
func Comm(args []string) int {
	f := tool.Flags("comm", "[-123] FILE FILE")
	hide := [3]*bool{
		f.BoolP("1", "1", false, "no lines of the first file only"),
		f.BoolP("2", "2", false, "no lines of the second file only"),
		f.BoolP("3", "3", false, "no lines of both files"),
	}
	between := f.String("output-delimiter", "\t", "what is between columns")
	total := f.Bool("total", false, "print how many lines each column has")
	f.Bool("nocheck-order", false, "do not look whether the files are sorted (the default)")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() != 2 {
		return tool.Misused(f)
	}
	var lists [2][]string
	for i, path := range f.Args() {
		if status := tool.Inputs("comm", []string{path}, func(in tool.Input) error {
			return tool.Lines(in, func(line []byte) bool {
				lists[i] = append(lists[i], string(line))
				return true
			})
		}); status != 0 {
			return status
		}
	}
	out, flush := tool.Output()
	defer flush()
	var counts [3]int
	show := func(column int, line string) {
		counts[column]++
		if *hide[column] {
			return
		}
		for i := range column {
			if !*hide[i] {
				out.WriteString(*between)
			}
		}
		out.WriteString(line + "\n")
	}
	a, b := lists[0], lists[1]
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0] < b[0]:
			show(0, a[0])
			a = a[1:]
		case len(a) == 0 || b[0] < a[0]:
			show(1, b[0])
			b = b[1:]
		default:
			show(2, a[0])
			a, b = a[1:], b[1:]
		}
	}
	if *total {
		fmt.Fprintf(out, "%d%s%d%s%d%stotal\n", counts[0], *between, counts[1], *between, counts[2], *between)
	}
	return 0
}
