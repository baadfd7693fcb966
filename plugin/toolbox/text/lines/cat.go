// Package lines has the tools that print lines of files or parts of them, such as cat, head, tail, cut and tr.
package lines

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Cat prints files.
func Cat(args []string) int {
	f := tool.Flags("cat", "[OPTIONS] [FILE...]")
	number := f.BoolP("number", "n", false, "number lines")
	numberFull := f.BoolP("number-nonblank", "b", false, "number lines that are not empty")
	squeeze := f.BoolP("squeeze-blank", "s", false, "print several empty lines as one")
	all := f.BoolP("show-all", "A", false, "as -vET")
	ends := f.BoolP("show-ends", "E", false, "print $ at the end of lines")
	tabs := f.BoolP("show-tabs", "T", false, "print tabs as ^I")
	visible := f.BoolP("show-nonprinting", "v", false, "print control characters as ^X")
	visibleEnds := f.BoolP("e", "e", false, "as -vE")
	visibleTabs := f.BoolP("t", "t", false, "as -vT")
	f.BoolP("u", "u", false, "write at once (the default)")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	*ends = *ends || *all || *visibleEnds
	*tabs = *tabs || *all || *visibleTabs
	*visible = *visible || *all || *visibleEnds || *visibleTabs
	out, flush := tool.Output()
	defer flush()
	if !*number && !*numberFull && !*squeeze && !*ends && !*tabs && !*visible {
		return tool.Inputs("cat", f.Args(), func(in tool.Input) error {
			_, err := io.Copy(flusher{out}, in.Reader)
			return err
		})
	}
	n, empty := 0, 0
	return tool.Inputs("cat", f.Args(), func(in tool.Input) error {
		return tool.Lines(in, func(line []byte) bool {
			if len(line) > 0 {
				empty = 0
			} else if empty++; empty > 1 && *squeeze {
				return true
			}
			if *numberFull && len(line) > 0 || *number && !*numberFull {
				n++
				fmt.Fprintf(out, "%6d\t", n)
			}
			writeVisible(out, line, *visible, *tabs)
			if *ends {
				out.WriteByte('$')
			}
			return out.WriteByte('\n') == nil
		})
	})
}

// flusher flushes after each write, since what is read from a pipe is shown at once.
type flusher struct{ w *bufio.Writer }

func (f flusher) Write(b []byte) (int, error) {
	n, err := f.w.Write(b)
	if err == nil {
		err = f.w.Flush()
	}
	return n, err
}

func writeVisible(out *bufio.Writer, line []byte, visible, tabs bool) {
	for _, c := range line {
		switch {
		case c == '\t' && tabs:
			out.WriteString("^I")
			continue
		case c == '\t' || !visible:
			out.WriteByte(c)
			continue
		}
		if c >= 0x80 {
			out.WriteString("M-")
			c -= 0x80
		}
		switch {
		case c < ' ':
			out.WriteString("^" + string(c+'@'))
		case c == 0x7f:
			out.WriteString("^?")
		default:
			out.WriteByte(c)
		}
	}
}

// Tac prints the lines of files in reverse.
func Tac(args []string) int {
	f := tool.Flags("tac", "[FILE...]")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	out, flush := tool.Output()
	defer flush()
	return tool.Inputs("tac", f.Args(), func(in tool.Input) error {
		if info, err := in.File.Stat(); err == nil && hasEnd(info) {
			return backwards(in.File, info.Size(), out)
		}
		text, err := tool.ReadAll(in)
		if err == nil {
			err = backwards(bytes.NewReader(text), int64(len(text)), out)
		}
		return err
	})
}

// backwards prints the lines of a file from its end. It keeps no more than a part of the file.
func backwards(in io.ReaderAt, size int64, out *bufio.Writer) error {
	part := make([]byte, 64<<10)
	end := size
	for from := size; from > 0; {
		to := from
		from = max(0, to-int64(len(part)))
		b := part[:to-from]
		if n, err := in.ReadAt(b, from); n < len(b) {
			return err
		}
		for i, c := range slices.Backward(b) {
			start := from + int64(i) + 1
			if c != '\n' || start == end {
				continue
			}
			if end <= to {
				out.Write(b[i+1 : end-from])
			} else if _, err := io.Copy(out, io.NewSectionReader(in, start, end-start)); err != nil {
				return err
			}
			end = start
		}
	}
	_, err := io.Copy(out, io.NewSectionReader(in, 0, end))
	return err
}

// Rev reverses each line.
func Rev(args []string) int {
	f := tool.Flags("rev", "[FILE...]")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	out, flush := tool.Output()
	defer flush()
	return tool.Inputs("rev", f.Args(), func(in tool.Input) error {
		return tool.Lines(in, func(line []byte) bool {
			runes := []rune(string(line))
			slices.Reverse(runes)
			out.WriteString(string(runes))
			return out.WriteByte('\n') == nil
		})
	})
}
