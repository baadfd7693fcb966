package plan

import (
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

const (
	engineTERM = "xterm"          // what docker exec sets
	usualTERM  = "xterm-256color" // compatible with most terminals
)

// TerminalNames returns the values of TERM that suit the command's terminal, best first: the caller's
// and the usual one; none if the command or the caller has no terminal. TargetProcess.Terms are those
// for which the container has a description.
func TerminalNames(r *request.Request, caller request.Streams) []string {
	if !caller.InputTerminal && !caller.OutputTerminal {
		return nil
	}
	if wanted, err := DecideStreams(r, caller); err != nil || !wanted.Terminal {
		return nil
	}
	if name, _ := lookup(r.CallerEnv, "TERM"); isTerm(name) && name != usualTERM {
		return []string{name, usualTERM}
	}
	return []string{usualTERM}
}

// isTerm reports whether name is a plain file name that terminfo(5) can have.
func isTerm(name string) bool {
	const longest = 64
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-."
	return name != "" && name[0] != '.' && len(name) <= longest && strings.Trim(name, plain) == ""
}

// terminalEnv returns the variables that describe the command's terminal, which behaves like the
// caller's; none without a terminal. A program without a terminfo description of TERM has no colours
// and no function keys, or fails, so TERM is a name that the container knows, if there is one.
func terminalEnv(r *request.Request, o *Observed, p *Plan) []string {
	if !p.Terminal {
		return nil
	}
	wanted := TerminalNames(r, o.Streams)
	if wanted == nil {
		return []string{"TERM=" + engineTERM}
	}
	env := []string{"TERM=" + engineTERM}
	if len(o.TargetProcess.Terms) > 0 {
		env[0] = "TERM=" + o.TargetProcess.Terms[0]
	}
	if color, ok := lookup(r.CallerEnv, "COLORTERM"); ok {
		env = append(env, "COLORTERM="+color)
	}
	return env
}
