package printf

import (
	"io"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Echo prints its arguments.
func Echo(args []string) int {
	if _, err := io.WriteString(tool.Stdout, EchoText(args)); err != nil {
		return 1
	}
	return 0
}

// EchoText returns what echo prints, as bash's echo does: -n without a newline, -e with escape sequences, -E without. A word
// that is no such option is printed.
func EchoText(args []string) string {
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
	return out
}
