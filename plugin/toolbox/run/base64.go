package run

import (
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
		text, err := io.ReadAll(in)
		encoded := base64.StdEncoding.EncodeToString(text)
		for *wrap > 0 && len(encoded) > *wrap {
			out.WriteString(encoded[:*wrap] + "\n")
			encoded = encoded[*wrap:]
		}
		out.WriteString(encoded)
		if *wrap > 0 && encoded != "" {
			out.WriteByte('\n')
		}
		return err
	})
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
