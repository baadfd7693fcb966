//go:build linux

package main

import (
	"cmp"
	"fmt"
	"regexp"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// vague tells whether the status of a refusal says nothing: 1 is the Docker CLI's for
// whatever the engine or itself refuses, 126 that of an engine before 28 for every command that
// isn't executed, and 128 that of later ones for what they know no status for.
func (p *parity) vague(r reply) bool {
	return r.refused() && (r.status == 1 || r.status == 128 || p.old && r.status == exit.CannotRun)
}

// ownRefusal tells whether docker nsjoin has refused, with a status for it.
func (a reply) ownRefusal() bool {
	return a.refused() && (a.status == exit.Failed || a.status == exit.NotFound || a.status == exit.CannotRun)
}

// reply is how a command ended and what it printed.
type reply struct {
	status         int
	output, errors string
}

// A refusal of docker's own, not of the command.
var refusal = regexp.MustCompile(`(?m)OCI runtime exec failed|Error response from daemon|^(docker nsjoin|docker|unknown flag): |^invalid argument ` +
	`|^unable to find (user|group) |^uids and gids must be |^open [^ ]*: no such file`)

func (a reply) refused() bool {
	return refusal.MatchString(a.output + a.errors)
}

// text is what is compared: of a refusal, which docker exec prints to either
// stream, only its kind.
func (a reply) text() string {
	if a.refused() {
		return fmt.Sprintf("exit status %d\nrefused: %s\n", a.status, kindOf(a.output+a.errors))
	}
	return fmt.Sprintf("exit status %d\n%s\nstderr\n%s", a.status, masked(a.output), masked(a.errors))
}

// said is the text of a refusal.
func (a reply) said() string {
	if a.refused() {
		return a.output + a.errors
	}
	return ""
}

// kinds are the reasons for a refusal, by what the runtime and the kernel say.
var kinds = []struct{ name, pattern string }{
	{"no container", "(?i)no such container"},
	{"number", "uids and gids must be in range|is not a number of|is no number of"},
	{"relative", "must be an absolute path|is not absolute"},
	{"not found", "executable file not found|executable found relative|the command is empty"},
	{"user", "unable to find user|no matching entries in passwd"},
	{"group", "unable to find group|no matching entries in group"},
	{"no such file", "no such file or directory"},
	{"not a directory", "not a directory"},
	{"permission denied", "permission denied|is a directory"}, // of a directory that is executed, by version
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

// cause is what docker printed about why, without what it would have done.
func cause(text string) string {
	return cmp.Or(regexp.MustCompile(`(Error response|OCI runtime|WARNING: ).*`).FindString(text), text)
}
