package builtin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// settled are options of set that are so here in any case: traps of ERR count in functions, and braces are expanded. Those about
// history and jobs count for a shell at a terminal only.
const settled = "EhBbHm"

// names of such options for -o.
var settledNames = []string{"errtrace", "hashall", "braceexpand", "notify", "histexpand", "emacs", "history", "interactive-comments"}

// Settings returns the arguments of set, or of a shell, without those options. The interpreter refuses what it does not know. set -m
// is left to it, since a script has no job control.
func Settings(args []string) []string {
	out := make([]string, 0, len(args))
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if len(arg) < 2 || arg[0] != '-' && arg[0] != '+' || arg == "--" {
			return append(out, args[i:]...)
		}
		if i+1 < len(args) && arg[1:] == "o" && slices.Contains(settledNames, args[i+1]) {
			i++
			continue
		}
		kept := unsettled(arg)
		if kept == "" {
			continue
		}
		if strings.HasSuffix(kept, "o") && i+1 < len(args) { // its name, as in set -euo pipefail
			i++
			if slices.Contains(settledNames, args[i]) {
				out = append(out, arg[:1]+strings.TrimSuffix(kept, "o"))
			} else {
				out = append(out, arg[:1]+kept, args[i])
			}
			continue
		}
		out = append(out, arg[:1]+kept)
	}
	return out
}

// unsettled returns the letters of an argument that are not settled.
func unsettled(arg string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(settled, r) && (r != 'm' || arg[0] == '+') {
			return -1
		}
		return r
	}, arg[1:])
}

// History prints lines that were typed, and returns the lines that are to be kept and the status.
func (c *Call) History(lines []string) (kept []string, status int) {
	from := 0
	if len(c.Args) > 0 {
		switch arg := c.Args[0]; arg {
		case "-c":
			return nil, 0
		case "-a", "-n", "-r", "-w": // there is no file
			return lines, 0
		default:
			n, err := strconv.Atoi(arg)
			if err != nil || n < 0 {
				return lines, c.fail(misused, "%s: only a number and -c are supported here", arg)
			}
			from = max(0, len(lines)-n)
		}
	}
	for i, line := range lines[from:] {
		fmt.Fprintf(c.Stdout, "%5d  %s\n", from+i+1, tool.Printable(line))
	}
	return lines, 0
}

// place returns the index of a line that a number or its beginning names, or else the standard one.
func place(lines []string, text string, standard int) int {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		for i, line := range slices.Backward(lines) {
			if strings.HasPrefix(line, text) {
				return i
			}
		}
		return standard
	case n < 0:
		n += len(lines)
	default:
		n--
	}
	return min(max(0, n), len(lines)-1)
}

// Fc prints lines that were typed: fc -l [-nr] [FIRST [LAST]]. It returns the status.
func (c *Call) Fc(lines []string) int {
	var letters strings.Builder
	for len(c.Args) > 0 {
		if _, err := strconv.Atoi(c.Args[0]); err == nil { // -3 is a line
			break
		}
		letter, _, _ := c.option("")
		if letter == 0 {
			break
		}
		letters.WriteByte(letter)
	}
	options := letters.String()
	bare, reverse := strings.Contains(options, "n"), strings.Contains(options, "r")
	if !strings.Contains(options, "l") || strings.Trim(options, "lnr") != "" {
		return c.fail(misused, "only fc -l is supported here; !N runs a line again")
	}
	if len(lines) > 0 {
		lines = lines[:len(lines)-1] // fc itself
	}
	from, to := max(0, len(lines)-16), len(lines)-1
	if len(c.Args) > 0 {
		from = place(lines, c.Args[0], from)
	}
	if len(c.Args) > 1 {
		to = place(lines, c.Args[1], to)
	}
	if from > to {
		from, to, reverse = to, from, !reverse
	}
	var out []string
	for i := from; i <= to && i < len(lines); i++ {
		number := strconv.Itoa(i + 1)
		if bare {
			number = ""
		}
		out = append(out, number+"\t "+tool.Printable(lines[i]))
	}
	if reverse {
		slices.Reverse(out)
	}
	for _, line := range out {
		fmt.Fprintln(c.Stdout, line)
	}
	return 0
}
