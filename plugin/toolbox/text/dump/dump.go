// Package dump has the tools that print bytes as digits, and digests of them.
package dump

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// usual is how many bytes a row has, if nothing else is asked for, and widest how many it can have.
const usual, widest = 16, 256

// dump reads rows of bytes and calls show for each; several equal rows are replaced by a line with *.
func dump(in io.Reader, out *bufio.Writer, width int, all bool, show func(offset int64, row []byte), end func(offset int64)) error {
	r := bufio.NewReaderSize(in, 64<<10)
	row, last := make([]byte, width), make([]byte, width)
	offset, repeated := int64(0), false
	for {
		n, err := io.ReadFull(r, row[:])
		if n > 0 {
			same := !all && offset > 0 && n == len(row) && bytes.Equal(row, last)
			switch {
			case !same:
				show(offset, row[:n])
				repeated = false
			case !repeated:
				out.WriteString("*\n")
				repeated = true
			}
			copy(last, row)
			offset += int64(n)
		}
		if err != nil {
			if offset > 0 {
				end(offset)
			}
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return nil
			}
			return err
		}
	}
}

func skipAndLimit(in io.Reader, skip, length int64) io.Reader {
	if skip > 0 {
		_, _ = io.CopyN(io.Discard, in, skip)
	}
	if length >= 0 {
		return io.LimitReader(in, length)
	}
	return in
}

func ascii(row []byte) string {
	out := make([]byte, len(row))
	for i, c := range row {
		if c < ' ' || c > '~' {
			c = '.'
		}
		out[i] = c
	}
	return string(out)
}

// Hexdump prints bytes in hexadecimal digits.
func Hexdump(args []string) int {
	f := tool.Flags("hexdump", "[-Cv] [-n LENGTH] [-s SKIP] [FILE...]")
	canonical := f.BoolP("canonical", "C", false, "bytes and characters")
	all := f.BoolP("no-squeezing", "v", false, "print repeated rows")
	length := f.Int64P("length", "n", -1, "bytes to print")
	skip := f.Int64P("skip", "s", 0, "bytes to skip")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	return hexdump("hexdump", f.Args(), *canonical, *all, *length, *skip)
}

// Hd is hexdump -C.
func Hd(args []string) int { return Hexdump(append([]string{"-C"}, args...)) }

func hexdump(name string, files []string, canonical, all bool, length, skip int64) int {
	out, flush := tool.Output()
	defer flush()
	return tool.Inputs(name, files, func(in tool.Input) error {
		return dump(skipAndLimit(in, skip, length), out, usual, all, func(offset int64, row []byte) {
			offset += skip
			if canonical {
				fmt.Fprintf(out, "%08x  %-24s %-24s |%s|\n", offset, spaced(row[:min(8, len(row))]), spaced(row[min(8, len(row)):]), ascii(row))
				return
			}
			fmt.Fprintf(out, "%07x", offset)
			for i := 0; i < len(row); i += 2 {
				word := uint16(row[i])
				if i+1 < len(row) {
					word |= uint16(row[i+1]) << 8
				}
				fmt.Fprintf(out, " %04x", word)
			}
			out.WriteString(strings.Repeat("     ", (16-len(row))/2) + "\n")
		}, func(offset int64) {
			if canonical {
				fmt.Fprintf(out, "%08x\n", offset+skip)
			} else {
				fmt.Fprintf(out, "%07x\n", offset+skip)
			}
		})
	})
}

func spaced(row []byte) string {
	var out strings.Builder
	for _, c := range row {
		fmt.Fprintf(&out, "%02x ", c)
	}
	return out.String()
}

// Od prints bytes in octal digits, or as -t and its short forms say.
func Od(args []string) int {
	f := tool.Flags("od", "[-bcdilosx] [-A d|o|x|n] [-t TYPE] [-N LENGTH] [-j SKIP] [FILE...]")
	address := f.StringP("address-radix", "A", "o", "the digits of offsets: d, o, x or n for none")
	format := f.StringP("format", "t", "o2", "c, or o, d, u or x with a size of 1, 2, 4 or 8, and z for characters")
	length := f.Int64P("read-bytes", "N", -1, "bytes to print")
	skip := f.Int64P("skip-bytes", "j", 0, "bytes to skip")
	all := f.BoolP("output-duplicates", "v", false, "print repeated rows")
	width := f.IntP("width", "w", usual, "bytes of a row")
	kinds := []struct{ letter, kind string }{{"b", "o1"}, {"c", "c"}, {"d", "u2"}, {"i", "d4"}, {"l", "d8"}, {"o", "o2"}, {"s", "d2"}, {"x", "x2"}}
	short := make([]*bool, len(kinds))
	for i, k := range kinds {
		short[i] = f.BoolP(k.letter, k.letter, false, "as -t "+k.kind)
	}
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	for i, k := range kinds {
		if *short[i] {
			*format = k.kind
		}
	}
	cell, size, err := odCell(*format)
	if err != nil {
		return tool.Complain("od", err)
	}
	if *width < 1 || *width > widest || *width%size != 0 {
		return tool.Complain("od", fmt.Errorf("-w %d is not supported here: a multiple of %d, at most %d", *width, size, widest))
	}
	verb := map[string]string{"d": "%07d", "o": "%07o", "x": "%06x", "n": ""}[*address]
	out, flush := tool.Output()
	defer flush()
	return tool.Inputs("od", f.Args(), func(in tool.Input) error {
		offset := func(n int64) {
			if verb != "" {
				fmt.Fprintf(out, verb, n+*skip)
			}
		}
		return dump(skipAndLimit(in, *skip, *length), out, *width, *all, func(n int64, row []byte) {
			offset(n)
			for i := 0; i < len(row); i += size {
				var word [8]byte
				copy(word[:], row[i:min(i+size, len(row))])
				out.WriteString(cell(word[:size]))
			}
			if strings.HasSuffix(*format, "z") {
				empty := len(cell(make([]byte, 8)[:size]))
				out.WriteString(strings.Repeat(" ", empty*((*width-len(row))/size)))
				out.WriteString("  >" + ascii(row) + "<")
			}
			out.WriteByte('\n')
		}, func(n int64) {
			offset(n)
			if verb != "" {
				out.WriteByte('\n')
			}
		})
	})
}

// odCell returns how a value is printed, and its size in bytes.
func odCell(format string) (cell func([]byte) string, size int, err error) {
	format = strings.TrimSuffix(format, "z")
	if format == "c" || format == "a" {
		return func(b []byte) string {
			if at := strings.IndexByte("\x00\a\b\t\n\v\f\r", b[0]); at >= 0 {
				return "  " + []string{`\0`, `\a`, `\b`, `\t`, `\n`, `\v`, `\f`, `\r`}[at]
			}
			if b[0] < ' ' || b[0] > '~' {
				return fmt.Sprintf(" %03o", b[0])
			}
			return "   " + string(b)
		}, 1, nil
	}
	size = 4
	if len(format) > 1 {
		at := strings.IndexByte("1248", format[len(format)-1])
		if at < 0 || len(format) > 2 {
			return nil, 0, fmt.Errorf("unknown format %q", format)
		}
		size = 1 << at
	}
	widths := map[string][4]int{"o": {3, 6, 11, 22}, "x": {2, 4, 8, 16}, "u": {3, 5, 10, 20}, "d": {4, 6, 11, 20}}
	width, ok := widths[format[:1]]
	if !ok {
		return nil, 0, fmt.Errorf("unknown format %q", format)
	}
	w := width[strings.IndexByte("\x01\x02\x04\x08", byte(size))]
	return func(b []byte) string {
		n := uint64(0)
		for _, v := range slices.Backward(b) {
			n = n<<8 | uint64(v)
		}
		switch format[0] {
		case 'o':
			return fmt.Sprintf(" %0*o", w, n)
		case 'x':
			return fmt.Sprintf(" %0*x", w, n)
		case 'u':
			return fmt.Sprintf(" %*d", w, n)
		}
		shift := 64 - 8*len(b)
		return fmt.Sprintf(" %*d", w, int64(n<<shift)>>shift)
	}, size, nil
}
