package hook

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// Word quotes a value as bash's set does: only if a shell would read it otherwise.
func Word(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		if quoted, err := syntax.Quote(text, syntax.LangBash); err == nil {
			return quoted
		}
	}
	if strings.ContainsAny(text, " \t\n|&;()<>'\"\\`$*?[]!{}^,~#") {
		return Quoted(text)
	}
	return text
}

// Double writes a value in double quotes, as declare -p does.
func Double(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' && r != '\t' }) {
		if quoted, err := syntax.Quote(text, syntax.LangBash); err == nil {
			return quoted
		}
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`").Replace(text) + `"`
}

// List writes an indexed array as declare -p does.
func List(v expand.Variable) string {
	parts := make([]string, len(v.List))
	for i, value := range v.List {
		index := i
		if v.Indexes != nil {
			index = v.Indexes[i]
		}
		parts[i] = "[" + strconv.Itoa(index) + "]=" + Double(value)
	}
	return "(" + strings.Join(parts, " ") + ")"
}

// Declarations prints the variables whose attributes have all of the letters, as declare -p does.
func Declarations(out io.Writer, env expand.Environ, letters string) {
	all := maps.Collect(env.Each)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		v := all[name]
		flags := v.Flags()
		if !v.Declared() || strings.ContainsFunc(letters, func(r rune) bool { return !strings.ContainsRune(flags, r) }) {
			continue
		}
		if flags == "" {
			flags = "-"
		}
		switch {
		case !v.IsSet():
			fmt.Fprintf(out, "declare -%s %s\n", flags, name)
		case v.Kind == expand.Indexed:
			fmt.Fprintf(out, "declare -%s %s=%s\n", flags, name, List(v))
		case v.Kind == expand.Associative:
			fmt.Fprintf(out, "declare -%s %s=(", flags, name)
			for _, key := range slices.Sorted(maps.Keys(v.Map)) {
				fmt.Fprintf(out, "[%s]=%s ", key, Double(v.Map[key]))
			}
			fmt.Fprintln(out, ")")
		default:
			fmt.Fprintf(out, "declare -%s %s=%s\n", flags, name, Double(v.Str))
		}
	}
}
