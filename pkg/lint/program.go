package lint

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/program"
)

// maxInterpreters is how many files a chain of interpreters may have, as in the kernel: fs/exec.c.
const maxInterpreters = 5

// program checks the command's program, and what it needs.
func (c *checker) program() error {
	if len(c.start.Command) == 0 {
		return nil // form has said it
	}
	name := c.start.Command[0]
	file, ok, err := c.search(name)
	if err != nil || !ok {
		return err
	}
	if file.path == name {
		c.add(OK, checkProgram, "", "%s", file.path)
	} else {
		c.add(OK, checkProgram, "", "%s is %s", name, file.path)
	}
	if err := c.follow(file); err != nil {
		return err
	}
	if line, is := ShellForm(c.start.Command, c.start.Shell); is {
		return c.shellCommand(line)
	}
	return nil
}

// search finds a program as execvp(3) does: by its path, or in the directories of PATH. ok says that there is an
// executable file; otherwise it adds a finding.
func (c *checker) search(name string) (file found, ok bool, err error) {
	if name == "" {
		c.add(Failure, checkProgram, "", "the first word of the command is empty")
		return found{}, false, nil
	}
	if strings.Contains(name, "/") {
		file, problem, err := c.executable(c.absolute(name))
		if err != nil {
			return file, false, err
		}
		if problem != nil {
			c.addProgram(problem, checkProgram, fmt.Sprintf("%q", name), c.missingHint(name))
			return file, false, nil
		}
		return file, true, nil
	}
	var first error // about a file that exists
	for dir := range strings.SplitSeq(c.start.Path, ":") {
		if !path.IsAbs(dir) {
			continue // runc does not execute a program that it finds in a relative directory
		}
		file, problem, err := c.executable(path.Join(dir, name))
		switch {
		case err != nil:
			return file, false, err
		case problem == nil:
			return file, true, nil
		case first == nil && !errors.Is(problem, fs.ErrNotExist):
			first = problem
		}
	}
	if first != nil {
		c.addProgram(first, checkProgram, fmt.Sprintf("%q", name), "")
		return found{}, false, nil
	}
	c.add(Failure, checkProgram, c.missingHint(name), "%q does not exist in PATH, %s", name, c.start.Path)
	return found{}, false, nil
}

// addProgram adds a finding about a program that cannot be executed.
func (c *checker) addProgram(problem error, check, name, missingHint string) {
	level := Failure
	if _, hidden := errors.AsType[*hiddenError](problem); hidden || isUnreadable(problem) {
		level = Unknown
	}
	hint := ""
	if errors.Is(problem, fs.ErrNotExist) {
		hint = missingHint
	}
	if refused, ok := errors.AsType[*refusedError](problem); ok {
		hint = refused.hint
	}
	text := problem.Error()
	if rest, same := strings.CutPrefix(text, strings.Trim(name, `"`)); !same || rest == "" || rest[0] != ' ' && rest[0] != ':' {
		text = name + ": " + text
	}
	c.add(level, check, hint, "%s", text)
}

// refusedError says why a file is not executed.
type refusedError struct{ text, hint string }

func (e *refusedError) Error() string { return e.text }

// executable resolves an absolute path. problem says why the user cannot execute what is there; err ends the check.
func (c *checker) executable(name string) (file found, problem, err error) {
	file, problem = c.resolve(name)
	if problem != nil {
		if !isAbout(problem) {
			return file, nil, problem
		}
		return file, problem, nil
	}
	if file.blocked != "" {
		return file, &refusedError{
			fmt.Sprintf("%s: the user %s may not enter %s", file.path, c.whoText(), file.blocked),
			fmt.Sprintf("RUN chmod a+x %s, or another USER or directory", plan.QuoteArg(file.blocked)),
		}, nil
	}
	if !file.mode.IsRegular() {
		kind := "not a regular file"
		if file.mode.IsDir() {
			kind = "a directory"
		}
		return file, &refusedError{fmt.Sprintf("%s is %s", file.path, kind), ""}, nil
	}
	may, err := c.may(file, execute)
	switch {
	case err != nil && isAbout(err):
		return file, err, nil
	case err != nil:
		return file, nil, err
	case may:
		return file, nil, nil
	case file.mode.Perm()&0o111 == 0:
		return file, &refusedError{
			fmt.Sprintf("%s is not executable: its mode is %04o", file.path, file.mode.Perm()),
			fmt.Sprintf("RUN chmod +x %s, or COPY --chmod=755", plan.QuoteArg(file.path)),
		}, nil
	}
	return file, &refusedError{
		fmt.Sprintf("%s may not be executed by the user %s: its mode is %04o", file.path, c.whoText(), file.mode.Perm()),
		fmt.Sprintf("RUN chmod a+rx %s, or COPY --chown", plan.QuoteArg(file.path)),
	}, nil
}

func (c *checker) whoText() string { return cmp.Or(c.start.User, "root") }

// absolute returns a path in the working directory, without resolving it.
func (c *checker) absolute(name string) string {
	if path.IsAbs(name) {
		return name
	}
	return c.start.Dir + "/" + name
}

// follow checks a file that is executed: a script and its interpreters, or an ELF file and what it is loaded with.
func (c *checker) follow(file found) error {
	for range maxInterpreters {
		facts, err := c.facts(file)
		if err != nil {
			if isAbout(err) {
				c.add(Unknown, checkProgram, "", "%v", err)
				return nil
			}
			return err
		}
		switch facts.Kind {
		case program.ELF:
			return c.elf(file, facts)
		case program.Script:
			next, ok, err := c.interpreter(file, facts)
			if err != nil || !ok {
				return err
			}
			file = next
			continue
		}
		text, hint := notExecuted(facts.Kind)
		c.add(Failure, checkProgram, hint, "%s %s (exec format error)", file.path, text)
		return nil
	}
	c.add(Failure, checkInterpreter, "", "%s: more than %d interpreters follow each other", file.path, maxInterpreters-1)
	return nil
}

// interpreter checks the first line of a script. ok says that the interpreter exists and can be executed.
func (c *checker) interpreter(script found, facts program.Facts) (next found, ok bool, err error) {
	name := string(facts.Interpreter)
	switch {
	case facts.CR:
		c.add(Failure, checkInterpreter, fmt.Sprintf(`remove it: sed -i 's/\r$//' %s, and keep Git from adding it (*.sh text eol=lf in .gitattributes)`, plan.QuoteArg(script.path)),
			"the first line of %s ends with a carriage return, as Windows writes it: the kernel looks for %q", script.path, lastWord(facts)+"\r")
		return found{}, false, nil
	case facts.BOM:
		c.add(Failure, checkInterpreter, fmt.Sprintf(`remove it: sed -i '1s/^\xef\xbb\xbf//' %s`, plan.QuoteArg(script.path)),
			"%s begins with a byte order mark, so that the kernel does not see its #! (exec format error)", script.path)
		return found{}, false, nil
	case facts.Blank:
		c.add(Failure, checkInterpreter, "remove what is before #!", "%s has an empty line or spaces before its #! (exec format error)", script.path)
		return found{}, false, nil
	case facts.Long, name == "":
		c.add(Failure, checkInterpreter, "", "the #! line of %s names no interpreter, or is longer than 255 bytes (exec format error)", script.path)
		return found{}, false, nil
	}
	next, problem, err := c.executable(c.absolute(name))
	if err != nil {
		return next, false, err
	}
	if problem != nil {
		c.addProgram(problem, checkInterpreter, fmt.Sprintf("the interpreter %q of %s", name, script.path), interpreterHint(name))
		return next, false, nil
	}
	c.add(OK, checkInterpreter, "", "%s is a script for %s", script.path, name)
	if path.Base(name) == "env" {
		err = c.env(script, string(facts.Argument))
	}
	return next, true, err
}

// lastWord returns the word at the end of a #! line.
func lastWord(facts program.Facts) string {
	words := strings.Fields(string(facts.Argument))
	if len(words) == 0 {
		return string(facts.Interpreter)
	}
	return words[len(words)-1]
}

// env checks the program that env(1), the interpreter of a script, looks for in PATH.
func (c *checker) env(script found, argument string) error {
	words := strings.Fields(argument)
	if len(words) > 1 && words[0] == "-S" {
		words = words[1:]
	}
	if len(words) == 0 || strings.HasPrefix(words[0], "-") || strings.ContainsAny(words[0], "=/") {
		return nil
	}
	for dir := range strings.SplitSeq(c.start.Path, ":") {
		if _, problem, err := c.executable(path.Join("/", dir, words[0])); err != nil || problem == nil {
			return err
		}
	}
	c.add(Failure, checkInterpreter, interpreterHint(words[0]), "env finds no %q in PATH, %s, for the script %s", words[0], c.start.Path, script.path)
	return nil
}

// shellCommand checks the first word of a command line for the shell, if it is a plain one.
func (c *checker) shellCommand(line string) error {
	words := strings.Fields(line)
	if len(words) > 1 && words[0] == "exec" {
		words = words[1:]
	}
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-+/"
	if len(words) == 0 || strings.Trim(words[0], plain) != "" {
		return nil
	}
	name := words[0]
	keywords := strings.Fields("if for while until case function time select then do " +
		". : alias bg break cd command continue echo eval exec exit export false fg getopts hash jobs kill printf pwd read readonly return set shift " +
		"source test times trap true type ulimit umask unalias unset wait")
	if slices.Contains(keywords, name) {
		return nil
	}
	before := len(c.findings)
	_, ok, err := c.search(name)
	if err == nil && !ok {
		for i := range c.findings[before:] {
			f := &c.findings[before+i]
			f.Text = "the shell's command: " + f.Text
		}
	}
	return err
}
