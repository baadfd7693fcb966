package lint

import (
	"regexp"
	"slices"
	"strings"
)

// defaultShell is the shell of the shell form.
var defaultShell = []string{"/bin/sh", "-c"}

// ShellForm returns the command line if a list of words is the shell form of ENTRYPOINT or CMD. shell is the image's
// SHELL, or nil.
func ShellForm(words, shell []string) (line string, is bool) {
	if len(shell) == 0 {
		shell = defaultShell
	}
	if len(words) != len(shell)+1 || !slices.Equal(words[:len(shell)], shell) {
		return "", false
	}
	return words[len(shell)], true
}

// form checks how ENTRYPOINT and CMD are written and joined.
func (c *checker) form() {
	// A list in the exec form whose words are not in double quotes, which is the shell form then. Other commands of the
	// plugin don't wait until it is compiled.
	singleQuotes := regexp.MustCompile(`^\s*\[\s*['‘’“”]|^\s*\[["\w]`)
	before := len(c.findings)
	entrypoint, entryShell := ShellForm(c.start.Entrypoint, c.start.Shell)
	cmd, cmdShell := ShellForm(c.start.Cmd, c.start.Shell)
	for _, one := range []struct{ name, line string }{{"ENTRYPOINT", entrypoint}, {"CMD", cmd}} {
		if singleQuotes.MatchString(one.line) {
			c.add(Failure, checkForm, "the exec form is JSON: use double quotes, and no comma after the last word",
				"%s is not valid JSON, so it is a command line for the shell: %s", one.name, one.line)
		}
	}
	switch {
	case len(c.start.Command) == 0:
		c.add(Failure, checkForm, "set CMD or ENTRYPOINT in the image, or give docker run a command", "there is neither ENTRYPOINT nor CMD")
	case entryShell && cmdShell:
		c.add(Warning, checkForm, `write one of them as a list: ENTRYPOINT ["program", "argument"]`,
			"ENTRYPOINT and CMD are both in the shell form: CMD is ignored")
	case entryShell && len(c.start.Cmd) > 0:
		c.add(Warning, checkForm, `write ENTRYPOINT as a list: ENTRYPOINT ["program", "argument"]`,
			"ENTRYPOINT is in the shell form, CMD in the exec form: CMD is ignored")
	case len(c.start.Entrypoint) > 0 && cmdShell:
		c.add(Warning, checkForm, `write CMD as a list: CMD ["argument"], unless ENTRYPOINT executes its arguments`,
			"CMD is in the shell form: ENTRYPOINT gets %s as arguments", strings.Join(c.start.Cmd[:len(c.start.Cmd)-1], " ")+" '…'")
	}
	if len(c.findings) == before {
		form := "exec form"
		if _, is := ShellForm(c.start.Command, c.start.Shell); is {
			form = "shell form"
		}
		c.add(OK, checkForm, "", "%s", form)
	}
}
