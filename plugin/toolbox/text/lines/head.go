package lines

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// oldCount replaces -5 and, with plus, +5 by an option with that value, wherever no option's value is expected.
func oldCount(args []string, option string, plus bool) []string {
	out := make([]string, 0, len(args))
	for i, arg := range args {
		sign := len(arg) > 1 && (arg[0] == '-' || plus && arg[0] == '+')
		after := i > 0 && (args[i-1] == "-n" || args[i-1] == "-c")
		digits := ""
		if sign {
			digits = arg[1 : len(arg)-len(strings.TrimLeft(arg[1:], "0123456789"))]
		}
		if digits == "" || after {
			out = append(out, arg)
			continue
		}
		value := digits
		if arg[0] == '+' {
			value = arg[:1] + digits
		}
		out = append(out, option, value)
		if rest := arg[1+len(digits):]; rest != "" { // tail -5f
			out = append(out, "-"+rest)
		}
	}
	return out
}

// count parses a number with a suffix such as k or M.
func count(text string) (n int64, sign byte, err error) {
	digits := text
	if digits != "" && (digits[0] == '+' || digits[0] == '-') {
		sign, digits = digits[0], digits[1:]
	}
	end := len(digits) - len(strings.TrimLeft(digits, "0123456789"))
	unit, ok := map[string]int64{"": 1, "b": 512, "k": 1 << 10, "K": 1 << 10, "kB": 1000, "M": 1 << 20, "MB": 1e6, "G": 1 << 30}[digits[end:]]
	n, err = strconv.ParseInt(digits[:end], 10, 64)
	if err != nil || !ok || n > (1<<62)/unit {
		return 0, 0, fmt.Errorf("%q is no number", text)
	}
	return n * unit, sign, nil
}

// Head prints the beginning of files.
func Head(args []string) int {
	f := tool.Flags("head", "[-n LINES | -c BYTES] [FILE...]")
	lines := f.StringP("lines", "n", "10", "the number of lines, or with - all but so many")
	bytes := f.StringP("bytes", "c", "", "the number of bytes, or with - all but so many")
	quiet := f.BoolP("quiet", "q", false, "no names of files")
	names := f.BoolP("verbose", "v", false, "names of files")
	if status, ok := tool.Parse(f, oldCount(args, "-n", false)); !ok {
		return status
	}
	value := *lines
	if *bytes != "" {
		value = *bytes
	}
	n, sign, err := count(value)
	if err != nil {
		return tool.Complain("head", err)
	}
	out, flush := tool.Output()
	defer flush()
	title := newTitle(out, f.NArg() > 1 && !*quiet || *names)
	return tool.Inputs("head", f.Args(), func(in tool.Input) error {
		title(in.Name)
		switch {
		case *bytes != "" && sign == '-':
			return allButBytes(in, out, n)
		case *bytes != "":
			_, err := io.CopyN(out, in, n)
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return err
		case sign == '-' && n == 0:
			_, err := io.Copy(out, in)
			return err
		case sign == '-':
			return allBut(in, out, int(n))
		}
		return firstLines(in, out, n)
	})
}

func firstLines(in tool.Input, out *bufio.Writer, n int64) error {
	if n == 0 {
		return nil
	}
	b := bufio.NewReader(in)
	defer func() { tool.Unread(in.File, b.Buffered()) }()
	for n > 0 {
		part, err := b.ReadSlice('\n')
		out.Write(part)
		switch {
		case err == nil:
			n--
		case errors.Is(err, io.EOF):
			return nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
	return nil
}

// allBut prints all but the last n lines.
func allBut(in io.Reader, out *bufio.Writer, n int) error {
	var lines []string
	var kept tool.Kept
	var failed error
	err := tool.Lines(in, func(line []byte) bool {
		lines = append(lines, string(line))
		failed = kept.Add(len(line))
		if len(lines) > n {
			out.WriteString(lines[0])
			out.WriteByte('\n')
			_ = kept.Add(-len(lines[0]))
			lines = lines[1:]
		}
		return failed == nil
	})
	return cmp.Or(failed, err)
}

// allButBytes prints all but the last n bytes.
func allButBytes(in io.Reader, out *bufio.Writer, n int64) error {
	q := &blocks{}
	err := q.fill(in, func() bool {
		first := q.list[0].text
		if q.bytes-int64(len(first)) < n {
			return false
		}
		out.Write(first)
		return true
	})
	for _, b := range q.list {
		most := min(max(0, q.bytes-n), int64(len(b.text)))
		out.Write(b.text[:most])
		q.bytes -= int64(len(b.text))
	}
	return err
}

// newTitle returns a function that prints the name of a file above its text.
func newTitle(out *bufio.Writer, wanted bool) func(string) {
	first := true
	return func(name string) {
		if !wanted {
			return
		}
		if name == "-" {
			name = "standard input"
		}
		if !first {
			out.WriteByte('\n')
		}
		first = false
		fmt.Fprintf(out, "==> %s <==\n", tool.Printable(name))
	}
}
