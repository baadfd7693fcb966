// Package lint checks whether a container's command can be started: whether it exists, may be executed by the
// container's user, has its interpreters, loader and libraries, and is of the machine's architecture. It reads the
// container's files through an interface and has hostile content parsed by another; it runs nothing.
//
// Sources: execve(2), path_resolution(7), ld.so(8), musl's ldso/dynlink.c, runc's libcontainer/init_linux.go, and the
// Dockerfile reference on ENTRYPOINT and CMD.
package lint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/program"
)

// Files are the files of a container. Paths are absolute and have no links on the way. The error of a file that does
// not exist is fs.ErrNotExist; that of one that cannot be read has a method Unreadable() bool. Other errors end the
// check.
type Files interface {
	Lstat(ctx context.Context, path string) (mode fs.FileMode, size int64, err error)
	Readlink(ctx context.Context, path string) (string, error)
	Owner(ctx context.Context, path string) (uid, gid int, err error)
	Open(ctx context.Context, path string) (io.ReadCloser, error)
	Names(ctx context.Context, dir string) ([]string, error)
}

// Parser parses hostile content.
type Parser interface {
	Program(f program.File) (program.Facts, error)
	Account(spec string, groups []string, passwd, group []byte) (program.Account, error)
	Paths(text []byte, musl bool) (program.Paths, error)
}

// Start is what is started.
type Start struct {
	Command                []string // ENTRYPOINT and CMD as the engine has joined them
	Entrypoint, Cmd, Shell []string // as configured
	User                   string
	Groups                 []string // additional groups
	Dir                    string   // an absolute path
	Env                    []string
	Path                   string // the program search path of Env, or the engine's
	// Overrides says that root may open and enter all files.
	Overrides bool
	// Running says that the command was started and has not ended.
	Running bool
	// Hidden are directories that are empty when the container starts.
	Hidden []string
	// Arch is the machine's architecture, as Go names it; "" if it is not known. Emulates says whether the machine
	// runs programs of another one; it may be nil.
	Arch     string
	Emulates func(arch string) bool
}

// Level says what a finding means.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Warning Level = "warning" // the container starts, perhaps not as it was meant
	Unknown Level = "unknown" // it could not be checked
	Failure Level = "failure" // the container does not start, or its command does not run
)

// Finding is a result.
type Finding struct {
	Level Level
	Check string // what was checked: a word
	Text  string // on what and why
	Hint  string // what to do, or ""
}

// Checks, in the order of the findings.
const (
	checkForm         = "form"
	checkUser         = "user"
	checkDirectory    = "directory"
	checkProgram      = "program"
	checkInterpreter  = "interpreter"
	checkArchitecture = "architecture"
	checkLoader       = "loader"
	checkLibraries    = "libraries"
)

// Verdict returns the worst finding, the first if there are several. There is always a finding.
func Verdict(all []Finding) Finding {
	for _, level := range []Level{Failure, Unknown, Warning} {
		for _, f := range all {
			if f.Level == level {
				return f
			}
		}
	}
	return Finding{Level: OK, Check: checkProgram, Text: "can be started"}
}

// checker collects findings.
type checker struct {
	tree
	start    Start
	parser   Parser
	findings []Finding
}

// Check checks all of it.
func Check(ctx context.Context, s Start, files Files, parser Parser) ([]Finding, error) {
	c := &checker{start: s, parser: parser}
	c.tree = tree{ctx: ctx, files: files, hidden: append([]string{"/dev", "/proc", "/sys"}, s.Hidden...)}
	if _, _, err := files.Lstat(ctx, "/"); err != nil {
		return nil, fmt.Errorf("read the container's root directory: %w", err)
	}
	c.form()
	for _, check := range []func() error{c.account, c.directory, c.program} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return c.findings, nil
}

func (c *checker) add(level Level, check, hint, format string, args ...any) {
	c.findings = append(c.findings, Finding{Level: level, Check: check, Text: fmt.Sprintf(format, args...), Hint: hint})
}

// isUnreadable reports whether an error is about one file that cannot be read.
func isUnreadable(err error) bool {
	var one interface{ Unreadable() bool }
	return errors.As(err, &one) && one.Unreadable()
}

// account finds out who the command is.
func (c *checker) account() error {
	c.who.overrides = c.start.Overrides
	passwd, err := c.small("/etc/passwd")
	if err != nil {
		return err
	}
	group, err := c.small("/etc/group")
	if err != nil {
		return err
	}
	a, err := c.parser.Account(c.start.User, c.start.Groups, passwd, group)
	if err != nil {
		return err
	}
	user, named, _ := strings.Cut(c.start.User, ":")
	switch {
	case a.NoUser:
		c.add(Failure, checkUser, "create it in the image (RUN adduser …), or use a number",
			"there is no user %q in the container's /etc/passwd", user)
	case a.NoGroup:
		c.add(Failure, checkUser, "create it in the image (RUN addgroup …), or use a number",
			"there is no group %s in the container's /etc/group", quoted(append([]string{named}, c.start.Groups...)))
	case a.Invalid:
		c.add(Failure, checkUser, "", "the ID of user %q is outside of the range 0 to 2147483647", c.start.User)
	case a.Unreadable:
		c.add(Failure, checkUser, "", "the container's /etc/passwd or /etc/group has a line that is too long")
	case c.start.User == "":
		c.add(OK, checkUser, "", "root, since no USER is set")
	default:
		c.add(OK, checkUser, "", "%q is uid %d, gid %d", c.start.User, a.UID, a.GID)
	}
	c.who.uid, c.who.gids = a.UID, append([]int{a.GID}, a.Groups...)
	return nil
}

// quoted returns the names of a list, without the empty ones.
func quoted(names []string) string {
	var list []string
	for _, n := range names {
		if n != "" {
			list = append(list, fmt.Sprintf("%q", n))
		}
	}
	return strings.Join(list, " or ")
}

// small returns the content of a small regular file; nil if it does not exist or cannot be read.
func (c *checker) small(name string) ([]byte, error) {
	const most = 1 << 20
	found, err := c.resolve(name)
	if err == nil && (!found.mode.IsRegular() || found.size > most) {
		return nil, nil
	}
	var f io.ReadCloser
	if err == nil {
		f, err = c.files.Open(c.ctx, found.path)
	}
	var content []byte
	if err == nil {
		defer f.Close()
		content, err = io.ReadAll(io.LimitReader(f, most))
	}
	if content == nil && err == nil {
		content = []byte{}
	}
	if err != nil && isAbout(err) {
		return nil, nil
	}
	return content, err
}

// directory checks the working directory. The engine creates one that does not exist.
func (c *checker) directory() error {
	found, err := c.resolve(c.start.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.add(Warning, checkDirectory, "", "the working directory %s does not exist; it is created when the container starts", c.start.Dir)
		return nil
	case err != nil && isAbout(err):
		c.add(Unknown, checkDirectory, "", "the working directory %s: %v", c.start.Dir, err)
		return nil
	case err != nil:
		return err
	case !found.mode.IsDir():
		c.add(Failure, checkDirectory, "change WORKDIR, or -w of docker run", "the working directory %s is not a directory", c.start.Dir)
		return nil
	}
	may, err := c.may(found, execute)
	if err != nil && !isAbout(err) {
		return err
	}
	if err == nil && (!may || found.blocked != "") {
		c.add(Warning, checkDirectory, "", "the user may not enter the working directory %s", c.start.Dir)
		return nil
	}
	c.add(OK, checkDirectory, "", "%s", c.start.Dir)
	return nil
}
