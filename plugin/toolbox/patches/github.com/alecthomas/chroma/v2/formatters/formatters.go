// Package formatters replaces chroma's in the pager: it prints text as it is.
package formatters

import (
	"io"

	"github.com/alecthomas/chroma/v2"
)

// The formatters for all kinds of terminals are the same.
var (
	TTY8   chroma.Formatter = chroma.FormatterFunc(format)
	TTY16                   = TTY8
	TTY256                  = TTY8
	TTY16m                  = TTY8
)

func format(w io.Writer, _ *chroma.Style, tokens chroma.Iterator) error {
	for t := tokens(); t != chroma.EOF; t = tokens() {
		if _, err := io.WriteString(w, t.Value); err != nil {
			return err
		}
	}
	return nil
}
