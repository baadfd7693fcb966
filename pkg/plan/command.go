package plan

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// command decides what is executed: the requested command or the login shell.
func command(r *request.Request, s *TargetProcess, id *Identity) (Command, error) {
	c := Command{Args: r.Command, NotFoundHint: r.NotFoundHint}
	if len(c.Args) == 0 {
		shell, err := loginShell(s, id)
		if err != nil {
			return Command{}, err
		}
		c.Args = []string{shell}
	}
	if c.Args[0] == "" {
		return Command{}, exit.WithStatus(exit.NotFound, errors.New("the command is empty"))
	}
	c.Search = !strings.Contains(c.Args[0], "/")
	c.Paths = []string{c.Args[0]}
	if c.Search {
		env := id.Env
		if _, set := lookup(env, "PATH"); !set && id.Container == nil {
			env = []string{"PATH=" + callersPath}
		}
		c.Paths = search(c.Args[0], env)
	}
	return c, nil
}

// callersPath is where execvp(3) looks for a program of the caller's without PATH, as below cron(8) with `env -i`.
const callersPath = "/bin:/usr/bin"

// loginShell returns the shell of the user's passwd entry if the container has it, else sh. A
// command with the caller's identity gets $SHELL.
func loginShell(s *TargetProcess, id *Identity) (string, error) {
	if id.Container == nil {
		if shell, ok := lookup(id.Env, "SHELL"); ok && path.IsAbs(shell) {
			return shell, nil
		}
		return "sh", nil
	}
	if s.AccountErr != nil {
		return "", exit.Hint(fmt.Errorf("login shell: %w", s.AccountErr), "name a command, such as sh")
	}
	if s.Account.ShellExists {
		return s.Account.Shell, nil
	}
	return "sh", nil
}

// search lists the candidates for a command's name, one in each absolute directory of PATH.
// Relative directories are skipped: Go's exec.LookPath, which the runtime uses, refuses files
// found there.
func search(name string, env []string) []string {
	dirs, _ := lookup(env, "PATH")
	var files []string
	for dir := range strings.SplitSeq(dirs, ":") {
		if path.IsAbs(dir) {
			files = append(files, path.Join(dir, name))
		}
	}
	return files
}
