// Package quote writes names of files in quotes, as GNU's programs do.
package quote

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Name returns a name in one of GNU's styles: literal (with ? for control characters), shell, c or escape. In no style
// does a character reach the terminal that it would obey.
func Name(name, style string) string {
	switch style {
	case "c":
		return `"` + escaped(name, `"`) + `"`
	case "escape":
		return escaped(name, " ")
	case "shell":
		return Shell(name)
	}
	return tool.Printable(name)
}

// escapes are the control characters that have a letter in C.
var escapes = map[rune]string{'\a': `\a`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\v': `\v`}

// escapedRune returns what stands for a character that is not printed as it is, or nothing.
func escapedRune(r rune, size int, raw string) string {
	if text := escapes[r]; text != "" {
		return text
	}
	if r == utf8.RuneError && size == 1 || !unicode.IsPrint(r) {
		var out strings.Builder
		for i := range len(raw) {
			fmt.Fprintf(&out, `\%03o`, raw[i])
		}
		return out.String()
	}
	return ""
}

// escaped writes a name as a string of C, with a backslash before the characters of special too.
func escaped(name, special string) string {
	var out strings.Builder
	for len(name) > 0 {
		r, size := utf8.DecodeRuneInString(name)
		text := escapedRune(r, size, name[:size])
		switch {
		case text != "":
			out.WriteString(text)
		case r == '\\' || strings.ContainsRune(special, r):
			out.WriteString(`\` + name[:size])
		default:
			out.WriteString(name[:size])
		}
		name = name[size:]
	}
	return out.String()
}

// Shell writes a name as a shell reads it: 'a b', and 'a'$'\n”b'.
func Shell(name string) string {
	const special = " !\"$&'()*;<=>?[\\^`|"
	plain := name != "" && !strings.ContainsAny(name, special) && name[0] != '~' && name[0] != '#' && name != "{" && name != "}"
	var out strings.Builder
	in := true // between quotes
	for rest := name; len(rest) > 0; {
		r, size := utf8.DecodeRuneInString(rest)
		text := escapedRune(r, size, rest[:size])
		switch {
		case text != "":
			plain = false
			if in {
				out.WriteString("'$'")
			}
			out.WriteString(text)
			in = false
		default:
			if !in {
				out.WriteString("''")
			}
			if in = true; r == '\'' {
				out.WriteString(`'\''`)
			} else {
				out.WriteString(rest[:size])
			}
		}
		rest = rest[size:]
	}
	switch {
	case plain:
		return name
	case strings.Contains(name, "'") && !strings.ContainsAny(name, "\"$`\\!") && escaped(name, "") == name:
		return `"` + name + `"`
	}
	return "'" + out.String() + "'"
}

// Always writes a name in quotes, as stat's %N does.
func Always(name string) string {
	if text := Shell(name); text != name {
		return text
	}
	return "'" + name + "'"
}
