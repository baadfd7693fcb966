package enginehost

import (
	"os"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
)

// hostEnvironment returns the environment of a command on the engine's host. The caller may be on another
// machine, so only the variables about the terminal are the caller's.
func hostEnvironment(callers []string) []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "USER=root", "LOGNAME=root"}
	return append(env, TerminalVariables(callers)...)
}

// TerminalVariables returns the variables of an environment that are about the terminal.
func TerminalVariables(env []string) []string {
	var list []string
	for _, assignment := range env {
		if name, _, _ := strings.Cut(assignment, "="); name == "TERM" || name == "COLORTERM" {
			list = append(list, assignment)
		}
	}
	return list
}

// Caller describes the caller for the records of a join. The records mark it as the client's claim, since
// the engine's host cannot verify it.
func Caller() *audit.Caller {
	c := &audit.Caller{UID: os.Getuid(), EUID: os.Geteuid()}
	c.Login, c.Session, c.Terminal = login()
	c.Host, _ = os.Hostname()
	return c
}
