package dump

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// xxd is a call of xxd.
type xxd struct {
	group, columns int
	upper, bits    bool
}

// Xxd prints bytes in hexadecimal digits, or reads them.
func Xxd(args []string) int {
	x := &xxd{}
	f := tool.Flags("xxd", "[-biprou] [-c COLUMNS] [-g BYTES] [-l LENGTH] [-s SKIP] [FILE]")
	plain := f.BoolP("plain", "p", false, "digits only")
	reverse := f.BoolP("reverse", "r", false, "make bytes of digits")
	length := f.Int64P("length", "l", -1, "bytes to print")
	skip := f.Int64P("skip", "s", 0, "bytes to skip")
	f.IntVarP(&x.columns, "columns", "c", 0, "bytes of a row")
	f.IntVarP(&x.group, "group", "g", -1, "bytes without a space between them")
	f.BoolVarP(&x.upper, "upper", "u", false, "capital letters")
	f.BoolVarP(&x.bits, "bits", "b", false, "binary digits")
	include := f.BoolP("include", "i", false, "an array of C")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if x.columns < 0 || x.columns > widest {
		return tool.Refuse("xxd", fmt.Errorf("-c %d is not supported here: at most %d", x.columns, widest))
	}
	out, flush := tool.Output()
	defer flush()
	return tool.Inputs("xxd", f.Args(), func(in tool.Input) error {
		limited := skipAndLimit(in, *skip, *length)
		switch {
		case *reverse:
			return unhex(limited, out, *plain)
		case *plain:
			x.digits(limited, out)
			return nil
		case *include:
			return x.array(limited, out, in.Name)
		}
		return x.rows(limited, out, *skip)
	})
}

func (x *xxd) verb() string {
	switch {
	case x.bits:
		return "%08b"
	case x.upper:
		return "%02X"
	}
	return "%02x"
}

func (x *xxd) rows(in io.Reader, out *bufio.Writer, skip int64) error {
	columns, group, size := usual, 2, 2
	if x.bits {
		columns, group, size = 6, 1, 8
	}
	if x.columns > 0 {
		columns = x.columns
	}
	if x.group >= 0 {
		group = x.group
	}
	if group == 0 || group > columns {
		group = columns
	}
	width := size*columns + (columns+group-1)/group
	return dump(in, out, columns, true, func(offset int64, row []byte) {
		var text strings.Builder
		for i, c := range row {
			fmt.Fprintf(&text, x.verb(), c)
			if (i+1)%group == 0 || i == columns-1 {
				text.WriteByte(' ')
			}
		}
		fmt.Fprintf(out, "%08x: %-*s %s\n", offset+skip, width, text.String(), ascii(row))
	}, func(int64) {})
}

// array prints an array of C, with the name of the file.
func (x *xxd) array(in io.Reader, out *bufio.Writer, name string) error {
	columns := 12
	if x.columns > 0 {
		columns = x.columns
	}
	named := name != "-"
	name = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, path.Clean(name))
	if named {
		fmt.Fprintf(out, "unsigned char %s[] = {\n", name)
	}
	total := int64(0)
	err := dump(in, out, columns, true, func(offset int64, row []byte) {
		if offset > 0 {
			out.WriteString(",\n")
		}
		for i, c := range row {
			out.WriteString([]string{", ", "  "}[map[bool]int{true: 1}[i == 0]])
			fmt.Fprintf(out, map[bool]string{false: "0x%02x", true: "0X%02X"}[x.upper], c)
		}
		total = offset + int64(len(row))
	}, func(int64) { out.WriteString("\n") })
	if named {
		fmt.Fprintf(out, "};\nunsigned int %s_len = %d;\n", name, total)
	}
	return err
}

// digits prints nothing but digits.
func (x *xxd) digits(in io.Reader, out *bufio.Writer) {
	buf := make([]byte, 30)
	if x.columns > 0 {
		buf = buf[:min(x.columns, len(buf))]
	}
	for {
		n, err := io.ReadFull(in, buf)
		if n > 0 {
			fmt.Fprintf(out, map[bool]string{false: "%x\n", true: "%X\n"}[x.upper], buf[:n])
		}
		if err != nil {
			return
		}
	}
}

func unhex(in io.Reader, out *bufio.Writer, plain bool) error {
	var bad error
	err := tool.Lines(in, func(line []byte) bool {
		text := string(line)
		if !plain {
			_, after, ok := strings.Cut(text, ": ")
			if !ok {
				return true
			}
			text, _, _ = strings.Cut(after, "  ")
		}
		data, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
		out.Write(data)
		bad = err
		return err == nil
	})
	return errors.Join(err, bad)
}
