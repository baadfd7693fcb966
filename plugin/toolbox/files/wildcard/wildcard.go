// Package wildcard matches names with patterns of shells.
package wildcard

import (
	"path"
	"regexp"
	"strings"
)

// Expression translates a pattern to an expression of Go; unlike those of package path, its * matches a slash too.
func Expression(pattern string) (*regexp.Regexp, error) {
	var out strings.Builder
	out.WriteString("(?s)^")
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '*':
			out.WriteString(".*")
		case '?':
			out.WriteByte('.')
		case '[':
			end := strings.IndexByte(pattern[min(i+2, len(pattern)):], ']')
			if end < 0 {
				out.WriteString(`\[`)
				continue
			}
			class := pattern[i+1 : i+2+end]
			if class[0] == '!' {
				class = "^" + class[1:]
			}
			out.WriteString("[" + strings.ReplaceAll(class, `\`, `\\`) + "]")
			i += 2 + end
		case '\\':
			if i+1 < len(pattern) {
				i++
			}
			out.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		default:
			out.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	out.WriteByte('$')
	return regexp.Compile(out.String())
}

// MatchAny reports whether one of the names matches one of the patterns.
func MatchAny(patterns []string, names ...string) bool {
	for _, pattern := range patterns {
		for _, name := range names {
			if ok, _ := path.Match(pattern, name); ok {
				return true
			}
		}
	}
	return false
}
