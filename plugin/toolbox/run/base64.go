package run

import (
	"bufio"
	"encoding/base64"
	"io"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Base64 encodes or decodes.
func Base64(args []string) int {
	f := tool.Flags("base64", "[-d] [-w COLUMNS] [FILE]")
	decode := f.BoolP("decode", "d", false, "decode")
	wrap := f.IntP("wrap", "w", 76, "characters of a line; 0: one line")
	garbage := f.BoolP("ignore-garbage", "i", false, "leave out what is not of base64")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	out, flush := tool.Output()
	defer flush()
	return tool.Inputs("base64", f.Args(), func(in tool.Input) error {
		if *decode {
			from := in.Reader
			if *garbage {
				from = letters{from}
			}
			_, err := io.Copy(out, base64.NewDecoder(base64.StdEncoding, from))
			return err
		}
		wrapped := &wrapper{w: out, width: *wrap}
		encoder := base64.NewEncoder(base64.StdEncoding, wrapped)
		_, err := io.Copy(encoder, in)
		_ = encoder.Close()
		if wrapped.column > 0 {
			out.WriteByte('\n')
		}
		return err
	})
}

// wrapper breaks what is written into lines. With the width 0, it breaks nothing.
type wrapper struct {
	w             *bufio.Writer
	width, column int
}

func (w *wrapper) Write(b []byte) (int, error) {
	if w.width <= 0 {
		return w.w.Write(b)
	}
	written := 0
	for len(b) > 0 {
		n, err := w.w.Write(b[:min(len(b), w.width-w.column)])
		written += n
		if err != nil {
			return written, err
		}
		b = b[n:]
		if w.column += n; w.column == w.width {
			w.column = 0
			_ = w.w.WriteByte('\n')
		}
	}
	return written, nil
}

// letters leaves out what base64 does not use.
type letters struct{ io.Reader }

func (l letters) Read(b []byte) (int, error) {
	for {
		n, err := l.Reader.Read(b)
		kept := 0
		for _, c := range b[:n] {
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '=' {
				b[kept] = c
				kept++
			}
		}
		if kept > 0 || err != nil {
			return kept, err
		}
	}
}
