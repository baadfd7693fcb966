package run

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Seq prints numbers.
func Seq(args []string) int {
	separator, width := "\n", false
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && (args[0][1] < '0' || args[0][1] > '9') && args[0][1] != '.' {
		switch {
		case args[0] == "-w":
			width = true
		case args[0] == "-s" && len(args) > 1:
			separator, args = args[1], args[1:]
		case strings.HasPrefix(args[0], "-s"):
			separator = args[0][2:]
		default:
			fmt.Fprintln(os.Stderr, "usage: seq [-w] [-s SEPARATOR] [FIRST [STEP]] LAST")
			return tool.Usage
		}
		args = args[1:]
	}
	numbers := []float64{1, 1, 0}
	digits := 0
	for i, arg := range args {
		n, err := strconv.ParseFloat(arg, 64)
		if err != nil || len(args) > 3 {
			return tool.Complain("seq", fmt.Errorf("%q is no number", arg))
		}
		if _, fraction, ok := strings.Cut(arg, "."); ok {
			digits = max(digits, len(fraction))
		}
		switch {
		case i == len(args)-1:
			numbers[2] = n
		case i == 0:
			numbers[0] = n
		default:
			numbers[1] = n
		}
	}
	if len(args) == 0 || numbers[1] == 0 {
		fmt.Fprintln(os.Stderr, "usage: seq [-w] [-s SEPARATOR] [FIRST [STEP]] LAST")
		return tool.Usage
	}
	longest := 0
	text := func(n float64) string { return fmt.Sprintf("%0*.*f", longest, digits, n) }
	if width {
		longest = max(len(text(numbers[0])), len(text(numbers[2])))
	}
	out, flush := tool.Output()
	defer flush()
	for i := 0; ; i++ {
		n := numbers[0] + float64(i)*numbers[1]
		if numbers[1] > 0 && n > numbers[2]+1e-9 || numbers[1] < 0 && n < numbers[2]-1e-9 {
			if i > 0 {
				out.WriteString("\n")
			}
			return 0
		}
		if i > 0 {
			out.WriteString(separator)
		}
		if _, err := out.WriteString(text(n)); err != nil {
			return 1
		}
	}
}
