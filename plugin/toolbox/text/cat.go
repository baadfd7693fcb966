// Package text has the toolbox's own tools for text: other modules' commands lack what everybody types.
package text

import (
	"bufio"
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
		text, err := io.ReadAll(in)
		end := len(text)
		for i := end - 1; i >= 0; i-- {
			if text[i] == '\n' && i+1 < end {
				out.Write(text[i+1 : end])
				end = i + 1
			}
		}
		out.Write(text[:end])
		return err
	})
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
