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
	f.BoolP("ignore-garbage", "i", false, "ignored")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	out, flush := tool.Output()
	defer flush()
	return tool.Inputs("base64", f.Args(), func(in tool.Input) error {
		if *decode {
			_, err := io.Copy(out, base64.NewDecoder(base64.StdEncoding, in))
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
