package text

import (
	"os"
	"strings"
)

// Echo prints its arguments, as bash's echo does: -n without a newline, -e with escape sequences, -E without. A word
// that is no such option is printed.
func Echo(args []string) int {
	newline, escapes := true, false
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && strings.Trim(args[0][1:], "neE") == "" {
		for _, letter := range args[0][1:] {
			switch letter {
			case 'n':
				newline = false
			case 'e':
				escapes = true
			case 'E':
				escapes = false
			}
		}
		args = args[1:]
	}
	out, stopped := strings.Join(args, " "), false
	if escapes {
		out, stopped = unescape(out)
	}
	if newline && !stopped {
		out += "\n"
	}
	if _, err := os.Stdout.WriteString(out); err != nil {
		return 1
	}
	return 0
}
