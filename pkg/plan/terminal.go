package plan

import (
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

const (
	engineTERM = "xterm"          // what docker exec gives a terminal
	usualTERM  = "xterm-256color" // what most terminals are like
)

// TerminalNames are the names of terminals that the command's may have, the best first: the caller's,
// and the usual one. There are none where the command gets no terminal, or the caller is at none. Of these
// an Observed's Subject has those in Terms that the container knows.
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

// isTerm tells whether a name can be a file's of terminfo(5): no path, nothing long, nothing strange.
func isTerm(name string) bool {
	const longest = 64
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-."
	return name != "" && name[0] != '.' && len(name) <= longest && strings.Trim(name, plain) == ""
}

// terminalEnv are the variables that tell a command of its terminal, which is the caller's in all but
// name; none without a terminal. A program that doesn't find its terminal's description has no
// colours and no keys, or gives up: so the name is one that the container knows, if there is one.
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
