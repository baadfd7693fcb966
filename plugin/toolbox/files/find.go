package files

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// found is a file that find looks at.
type found struct {
	path  string
	stat  unix.Stat_t
	depth int
}

// test is a part of find's expression.
type test func(*found) bool

// find is a call of find.
type find struct {
	args               []string // what is not parsed yet
	maxDepth, minDepth int
	depthFirst, follow bool
	oneSystem, acts    bool
	prune              bool // set by -prune
	quit               bool
	batches            []*batch
	out                *bufio.Writer
	status             int
}

// Find prints or handles files that meet an expression.
func Find(args []string) int {
	f := &find{maxDepth: 1 << 30}
	if len(args) > 0 && args[0] == "--help" {
		fmt.Fprintln(os.Stderr, "usage: find [-L] [FILE...] [EXPRESSION]\ntests: -name -iname -path -ipath -regex -type -size -empty -mtime -mmin -newer -user -group -uid -gid -perm "+
			"-links -inum -readable -writable -executable -true -false\nactions: -print -print0 -ls -exec -execdir -delete -prune -quit -printf\noperators: ! -a -o ( )\noptions: -maxdepth -mindepth -depth -xdev")
		return 0
	}
	var paths []string
	for len(args) > 0 && (args[0] == "-L" || args[0] == "-H" || args[0] == "-P") {
		f.follow = args[0] == "-L"
		args = args[1:]
	}
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") && args[0] != "!" && args[0] != "(" {
		paths = append(paths, args[0])
		args = args[1:]
	}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	out, flush := tool.Output()
	defer flush()
	f.out, f.args = out, args
	expression, err := f.or()
	if err == nil && len(f.args) > 0 {
		err = fmt.Errorf("unexpected %q", f.args[0])
	}
	if err != nil {
		return tool.Complain("find", err)
	}
	if !f.acts {
		tests := expression
		expression = func(e *found) bool { return tests(e) && f.print(e, "\n") }
	}
	for _, path := range paths {
		f.start(path, expression)
	}
	for _, b := range f.batches {
		f.flush(b)
	}
	return f.status
}

func (f *find) fail(err error) {
	_ = f.out.Flush()
	f.status = tool.Complain("find", err)
}

func (f *find) print(e *found, end string) bool {
	path := e.path
	if end == "\n" && tool.Terminal() {
		path = tool.Printable(path)
	}
	_, err := f.out.WriteString(path + end)
	return err == nil
}

func (f *find) lstat(path string, s *unix.Stat_t) error {
	if f.follow && unix.Stat(path, s) == nil {
		return nil
	}
	if err := unix.Lstat(path, s); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return nil
}

func (f *find) start(path string, expression test) {
	e := &found{path: path}
	if err := f.lstat(path, &e.stat); err != nil {
		f.fail(err)
		return
	}
	f.walk(e, uint64(e.stat.Dev), nil, expression)
}

// walk handles a file and all beneath it. above are the directories that it is in, by inode, to notice loops of
// links.
func (f *find) walk(e *found, device uint64, above []uint64, expression test) {
	handle := func() {
		f.prune = false
		if e.depth >= f.minDepth && !f.quit {
			expression(e)
		}
	}
	if !f.depthFirst {
		handle()
	}
	directory := e.stat.Mode&unix.S_IFMT == unix.S_IFDIR
	if directory && e.depth < f.maxDepth && !f.quit && (f.depthFirst || !f.prune) && (!f.oneSystem || uint64(e.stat.Dev) == device) {
		for _, inode := range above {
			if f.follow && inode == e.stat.Ino {
				f.fail(fmt.Errorf("%s: a loop of links", tool.Printable(e.path)))
				return
			}
		}
		entries, err := os.ReadDir(e.path)
		if err != nil {
			f.fail(err)
		}
		for _, entry := range entries {
			below := &found{path: strings.TrimSuffix(e.path, "/") + "/" + entry.Name(), depth: e.depth + 1}
			if err := f.lstat(below.path, &below.stat); err != nil {
				if !errors.Is(err, fs.ErrNotExist) {
					f.fail(err)
				}
				continue
			}
			f.walk(below, device, append(above, e.stat.Ino), expression)
		}
	}
	if f.depthFirst {
		handle()
	}
}

func (f *find) or() (test, error) {
	left, err := f.and()
	for err == nil && len(f.args) > 0 && (f.args[0] == "-o" || f.args[0] == "-or") {
		f.args = f.args[1:]
		a := left
		var b test
		b, err = f.and()
		left = func(e *found) bool { return a(e) || b(e) }
	}
	return left, err
}

func (f *find) and() (test, error) {
	left := func(*found) bool { return true }
	for len(f.args) > 0 && f.args[0] != "-o" && f.args[0] != "-or" && f.args[0] != ")" {
		if f.args[0] == "-a" || f.args[0] == "-and" {
			f.args = f.args[1:]
		}
		a := left
		b, err := f.primary()
		if err != nil {
			return nil, err
		}
		left = func(e *found) bool { return a(e) && b(e) }
	}
	return left, nil
}

// next takes an argument of a test.
func (f *find) next(of string) (string, error) {
	if len(f.args) == 0 {
		return "", fmt.Errorf("%s needs an argument", of)
	}
	arg := f.args[0]
	f.args = f.args[1:]
	return arg, nil
}

func (f *find) primary() (test, error) {
	name, err := f.next("an operator")
	if err != nil {
		return nil, err
	}
	switch name {
	case "!", "-not":
		t, err := f.primary()
		return func(e *found) bool { return !t(e) }, err
	case "(":
		t, err := f.or()
		if err == nil && (len(f.args) == 0 || f.args[0] != ")") {
			err = errors.New("a ) is missing")
		}
		if err == nil {
			f.args = f.args[1:]
		}
		return t, err
	}
	if t, ok := f.simple(name); ok {
		return t, nil
	}
	switch name {
	case "-exec", "-execdir", "-ok":
		return f.exec(name == "-execdir")
	}
	arg, err := f.next(name)
	if err != nil {
		return nil, err
	}
	t, err := f.withArgument(name, arg)
	if err != nil {
		err = fmt.Errorf("%s %q: %w", name, arg, err)
	}
	return t, err
}

// simple returns a test without an argument.
func (f *find) simple(name string) (test, bool) {
	yes := func(*found) bool { return true }
	access := func(mode uint32) test {
		return func(e *found) bool { return unix.Access(e.path, mode) == nil }
	}
	switch name {
	case "-true", "-noleaf", "-nowarn", "-daystart", "-follow":
		return yes, true
	case "-false":
		return func(*found) bool { return false }, true
	case "-depth", "-d":
		f.depthFirst = true
		return yes, true
	case "-xdev", "-mount":
		f.oneSystem = true
		return yes, true
	case "-print":
		f.acts = true
		return func(e *found) bool { return f.print(e, "\n") }, true
	case "-print0":
		f.acts = true
		return func(e *found) bool { return f.print(e, "\x00") }, true
	case "-ls":
		f.acts = true
		return f.ls, true
	case "-delete":
		f.acts, f.depthFirst = true, true
		return f.remove, true
	case "-prune":
		return func(*found) bool { f.prune = true; return true }, true
	case "-quit":
		f.acts = true
		return func(*found) bool { f.quit = true; return true }, true
	case "-empty":
		return empty, true
	case "-readable":
		return access(unix.R_OK), true
	case "-writable":
		return access(unix.W_OK), true
	case "-executable":
		return access(unix.X_OK), true
	}
	return nil, false
}

func (f *find) ls(e *found) bool {
	l := &listing{long: true, inode: true, blocks: true, out: f.out}
	entry, err := l.stat(e.path, e.path, false)
	if err == nil {
		l.print([]file{entry})
	}
	return true
}

func (f *find) remove(e *found) bool {
	if e.path == "." {
		return true
	}
	if err := os.Remove(e.path); err != nil {
		f.fail(err)
		return false
	}
	return true
}

func empty(e *found) bool {
	switch e.stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return e.stat.Size == 0
	case unix.S_IFDIR:
		d, err := os.Open(e.path)
		if err != nil {
			return false
		}
		defer d.Close()
		names, _ := d.Readdirnames(1)
		return len(names) == 0
	}
	return false
}

// batch is the command of an -exec that ends with +.
type batch struct {
	command, paths []string
}

func (f *find) exec(inDirectory bool) (test, error) {
	f.acts = true
	var command []string
	for {
		arg, err := f.next("-exec")
		if err != nil {
			return nil, errors.New(`-exec needs ; or + at its end, and a shell needs \;`)
		}
		if arg == ";" {
			break
		}
		if arg == "+" && len(command) > 0 && command[len(command)-1] == "{}" {
			b := &batch{command: command[:len(command)-1]}
			f.batches = append(f.batches, b)
			return func(e *found) bool {
				if b.paths = append(b.paths, e.path); len(b.paths) == 1000 {
					f.flush(b)
				}
				return true
			}, nil
		}
		command = append(command, arg)
	}
	if len(command) == 0 {
		return nil, errors.New("-exec needs a command")
	}
	return func(e *found) bool {
		dir, path := "", e.path
		if inDirectory {
			dir, path = filepath.Dir(e.path), "./"+filepath.Base(e.path)
		}
		args := make([]string, len(command))
		for i, arg := range command {
			args[i] = strings.ReplaceAll(arg, "{}", path)
		}
		return f.run(dir, args)
	}, nil
}

func (f *find) flush(b *batch) {
	if len(b.paths) > 0 && !f.run("", append(b.command[:len(b.command):len(b.command)], b.paths...)) {
		f.status = 1
	}
	b.paths = nil
}

func (f *find) run(dir string, args []string) bool {
	_ = f.out.Flush()
	status, err := tool.Run(dir, nil, args)
	if err != nil {
		f.fail(err)
	}
	return err == nil && status == 0
}

// inode is what -newer compares with.
func modified(path string) (syscall.Timespec, error) {
	var s syscall.Stat_t
	err := syscall.Stat(path, &s)
	return s.Mtim, err
}

// amount parses a number with a sign: it returns how the sign compares.
func amount(text string) (n int64, compare func(a, b int64) bool, err error) {
	compare = func(a, b int64) bool { return a == b }
	switch {
	case strings.HasPrefix(text, "+"):
		text, compare = text[1:], func(a, b int64) bool { return a > b }
	case strings.HasPrefix(text, "-"):
		text, compare = text[1:], func(a, b int64) bool { return a < b }
	}
	n, err = strconv.ParseInt(text, 10, 64)
	if err != nil {
		err = errors.New("it is no number")
	}
	return n, compare, err
}
