package files

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// found is a file that find looks at.
type found struct {
	entry
	start string // the argument that it is beneath
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
	followStart        bool // -H: of the arguments only
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
		fmt.Fprintln(os.Stderr, "usage: find [-L] [FILE...] [EXPRESSION]\ntests: -name -iname -path -ipath -regex -type -size -empty -mtime -mmin -newer -anewer -cnewer -newermt -newerat -newerct -user -group -uid -gid -perm "+
			"-links -inum -readable -writable -executable -true -false\nactions: -print -print0 -ls -exec -execdir -ok -okdir -delete -prune -quit -printf\noperators: ! -a -o ( )\noptions: -maxdepth -mindepth -depth -xdev")
		return 0
	}
	var paths []string
	for len(args) > 0 && (args[0] == "-L" || args[0] == "-H" || args[0] == "-P") {
		f.follow, f.followStart = args[0] == "-L", args[0] == "-H"
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

func (f *find) lstat(e entry, s *unix.Stat_t) (err error) {
	if f.follow && unix.Fstatat(e.at(), e.name, s, 0) == nil {
		return nil
	}
	*s, err = e.lstat()
	return err
}

func (f *find) start(path string, expression test) {
	e := &found{entry: argument(path), start: path}
	if f.followStart && unix.Stat(path, &e.stat) == nil {
		f.walk(e, uint64(e.stat.Dev), nil, expression)
		return
	}
	if err := f.lstat(e.entry, &e.stat); err != nil {
		f.fail(err)
		return
	}
	f.walk(e, uint64(e.stat.Dev), nil, expression)
}

// below calls do for what is in a directory.
func (f *find) below(e *found, do func(*found)) {
	dir, err := e.open(f.follow || f.followStart && e.depth == 0)
	if err != nil {
		f.fail(err)
		return
	}
	defer dir.Close()
	list, err := entries(dir)
	if err != nil {
		f.fail(err)
	}
	for _, one := range list {
		below := &found{entry: one, start: e.start, depth: e.depth + 1}
		if err := f.lstat(one, &below.stat); err == nil {
			do(below)
		} else if !errors.Is(err, fs.ErrNotExist) {
			f.fail(err)
		}
	}
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
	if isDirectory(e.stat) && e.depth < f.maxDepth && !f.quit && (f.depthFirst || !f.prune) && (!f.oneSystem || uint64(e.stat.Dev) == device) {
		for _, inode := range above {
			if f.follow && inode == e.stat.Ino {
				f.fail(fmt.Errorf("%s: a loop of links", tool.Printable(e.path)))
				return
			}
		}
		f.below(e, func(below *found) { f.walk(below, device, append(above, e.stat.Ino), expression) })
	}
	if f.depthFirst {
		handle()
	}
}
