//go:build linux

package main

import (
	"cmp"
	"fmt"
	"regexp"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// vague reports whether docker exec uses the status of this refusal for several reasons. The Docker CLI
// uses 1 for everything that it or the engine refuses, an engine before 28 uses 126 for every command
// that it cannot execute, and later engines use 128 for other errors.
func (p *parity) vague(r reply) bool {
	return r.refused() && (r.status == 1 || r.status == 128 || p.old && r.status == exit.CannotRun)
}

// ownRefusal reports whether docker nsjoin refused, with a status for refusals.
func (a reply) ownRefusal() bool {
	return a.refused() && (a.status == exit.Failed || a.status == exit.NotFound || a.status == exit.CannotRun)
}

// reply is a command's exit status and output.
type reply struct {
	status         int
	output, errors string
}

// refusal matches a message of docker itself, as opposed to one of the command.
var refusal = regexp.MustCompile(`(?m)OCI runtime exec failed|Error response from daemon|^(docker nsjoin|docker|unknown flag): |^invalid argument ` +
	`|^unable to find (user|group) |^uids and gids must be |^open [^ ]*: no such file`)

func (a reply) refused() bool {
	return refusal.MatchString(a.output + a.errors)
}

// text returns what is compared. For a refusal, which docker exec prints to either stream, that is
// only the status and the kind.
func (a reply) text() string {
	if a.refused() {
		return fmt.Sprintf("exit status %d\nrefused: %s\n", a.status, kindOf(a.output+a.errors))
	}
	return fmt.Sprintf("exit status %d\n%s\nstderr\n%s", a.status, masked(a.output), masked(a.errors))
}

// said returns the message of a refusal, or "".
func (a reply) said() string {
	if a.refused() {
		return a.output + a.errors
	}
	return ""
}

// kinds are reasons for a refusal, by the messages of the runtime and the kernel.
var kinds = []struct{ name, pattern string }{
	{"no container", "(?i)no such container"},
	{"number", "uids and gids must be in range|is not a number of|is not a valid uid or gid"},
	{"relative", "must be an absolute path|not an absolute path"},
	{"not found", "executable file not found|executable found relative|the command is empty"},
	{"user", "unable to find user|no matching entries in passwd"},
	{"group", "unable to find group|no matching entries in group"},
	{"no such file", "no such file or directory"},
	{"not a directory", "not a directory"},
	{"permission denied", "permission denied|is a directory"}, // executing a directory fails with either, depending on the version
	{"exec format error", "exec format error"},
	{"flag", "unknown flag"},
	{"variable", "invalid environment variable"},
	{"too many links", "too many levels of symbolic links"},
}

func kindOf(text string) string {
	for _, kind := range kinds {
		if regexp.MustCompile(kind.pattern).MatchString(text) {
			return kind.name
		}
	}
	return "other"
}

// cause returns the part of docker's message that gives the reason.
func cause(text string) string {
	return cmp.Or(regexp.MustCompile(`(Error response|OCI runtime|WARNING: ).*`).FindString(text), text)
}
