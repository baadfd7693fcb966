package text

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
		f.Usage()
		return tool.Usage
	}
	readers := make([]*bufio.Reader, 2)
	for i, path := range f.Args() {
		file := os.Stdin
		if path != "-" {
			var err error
			if file, err = os.Open(path); err != nil {
				tool.Complain("cmp", err)
				return tool.Usage
			}
			defer file.Close()
		}
		readers[i] = bufio.NewReader(file)
	}
	line := 1
	for n := 1; ; n++ {
		a, aErr := readers[0].ReadByte()
		b, bErr := readers[1].ReadByte()
		switch {
		case aErr != nil && bErr != nil:
			return 0
		case aErr != nil || bErr != nil:
			short := f.Arg(0)
			if bErr != nil {
				short = f.Arg(1)
			}
			if !*quiet {
				fmt.Fprintf(os.Stderr, "cmp: EOF on %s after byte %d\n", tool.Printable(short), n-1)
			}
			return 1
		case a != b:
			if !*quiet {
				fmt.Printf("%s %s differ: byte %d, line %d\n", tool.Printable(f.Arg(0)), tool.Printable(f.Arg(1)), n, line)
			}
			return 1
		}
		if a == '\n' {
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
		f.Usage()
		return tool.Usage
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
	print := func(column int, line string) {
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
			print(0, a[0])
			a = a[1:]
		case len(a) == 0 || b[0] < a[0]:
			print(1, b[0])
			b = b[1:]
		default:
			print(2, a[0])
			a, b = a[1:], b[1:]
		}
	}
	return 0
}
