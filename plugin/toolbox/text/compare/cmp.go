package compare

import (
	"bufio"
	"fmt"
	"os"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Cmp compares files byte by byte.
func Cmp(args []string) int {
	f := tool.Flags("cmp", "[-s] FILE FILE")
	quiet := f.BoolP("quiet", "s", false, "print nothing")
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
	show := func(column int, line string) {
		if *hide[column] {
			return
		}
		for i := range column {
			if !*hide[i] {
				out.WriteByte('\t')
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
	return 0
}
