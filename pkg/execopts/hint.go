package execopts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/dockercli"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// CommandHint returns the hint for a command that will not be found, or "". args are the container and the command.
// shell are the words before a line that a shell is to run: options, if they begin with "-", or else a command.
func (o *Options) CommandHint(args, shell []string) string {
	moved, rest := o.Misplaced(args[1:])
	switch {
	case len(args) > 2 && args[1] == "--" && !strings.HasPrefix(args[2], "-"):
		return "the command follows the container without --: " + o.Line(o.AsGiven(args), args[:1], args[2:])
	case len(args) == 2 && strings.ContainsAny(args[1], " \t\n"):
		if strings.HasPrefix(shell[0], "-") {
			return "to run a shell command line: " + o.Line(o.AsGiven(args), shell, args[1:], args[:1])
		}
		return "to run a shell command line: " + o.Line(o.AsGiven(args), args[:1], shell, args[1:])
	case len(moved) == 0:
		return ""
	}
	if slices.ContainsFunc(moved, func(word string) bool { return strings.HasPrefix(word, "-e") || strings.HasPrefix(word, "--env") }) {
		return fmt.Sprintf("options go before the container: %s OPTIONS %s COMMAND", strings.Join(o.call(args), " "), plan.QuoteArg(args[0]))
	}
	return "options go before the container: " + o.Line(o.AsGiven(args), moved, args[:1], rest)
}

// Misplaced returns the options of docker nsjoin that a command begins with, and what follows them.
func (o *Options) Misplaced(command []string) (moved, rest []string) {
	for rest = command; len(rest) > 0; {
		n := dockercli.OptionWords(o.flags, rest[0])
		if n == 0 || n > len(rest) {
			break
		}
		moved, rest = append(moved, rest[:n]...), rest[n:]
	}
	return moved, rest
}

// AsGiven returns what was typed between docker nsjoin and args: the command below it, and the options. Options that
// may hold a secret are "…".
func (o *Options) AsGiven(args []string) []string {
	end := len(o.Words.Own) - len(args)
	if end < 0 {
		return nil
	}
	given := o.Words.Own[:end]
	if !o.EnvGiven() {
		return given
	}
	return append(slices.Clone(given[:below(given)]), "…")
}

// below returns how many words name the command below docker nsjoin.
func below(given []string) int {
	if len(given) > 0 && !strings.HasPrefix(given[0], "-") {
		return 1
	}
	return 0
}

// call returns the words of docker nsjoin and the command below it.
func (o *Options) call(args []string) []string {
	given := o.AsGiven(args)
	return append([]string{o.Words.Name.String()}, given[:below(given)]...)
}

// Line returns a call of docker nsjoin, quoted for a shell. The end of a long call is omitted.
func (o *Options) Line(parts ...[]string) string {
	const most = 16
	program, command, below := strings.Cut(o.Words.Name.String(), " ")
	words := append([]string{program}, o.Words.Global...)
	if below {
		words = append(words, command) // the Docker CLI's own options come before it
	}
	words = slices.Concat(append([][]string{words}, parts...)...)
	more := ""
	if len(words) > most {
		words, more = words[:most], " …"
	}
	for i, w := range words {
		if w != "…" {
			words[i] = plan.QuoteArg(w)
		}
	}
	return strings.Join(words, " ") + more
}
