// Package find has the toolbox's find.
package find

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// found is a file that find looks at.
type found struct {
	*walk.File
	start string // the argument that it is beneath
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
	dayStart           bool
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
			"-links -inum -samefile -readable -writable -executable -true -false\nactions: -print -print0 -ls -exec -execdir -ok -okdir -delete -prune -quit -printf\noperators: ! -a -o ( ) ,\noptions: -maxdepth -mindepth -depth -xdev -daystart")
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
	expression, err := f.list()
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
	path := e.Path()
	if end == "\n" && tool.Terminal() {
		path = tool.Printable(path)
	}
	_, err := f.out.WriteString(path + end)
	return err == nil
}

// start looks at an argument and all beneath it.
func (f *find) start(path string, expression test) {
	device := walk.ID{}
	handle := func(file *walk.File) {
		f.prune = false
		if file.Depth >= f.minDepth && !f.quit {
			expression(&found{file, path})
		}
	}
	w := walk.Walk{
		Links: f.follow, Arguments: f.followStart, Fail: f.fail,
		Enter: func(file *walk.File) error {
			if file.Depth == 0 {
				device = walk.Identity(&file.Stat)
			}
			if !f.depthFirst || !file.IsDir() {
				handle(file)
			}
			switch {
			case f.quit:
				return fs.SkipAll
			case file.Depth >= f.maxDepth, f.prune && !f.depthFirst, f.oneSystem && !walk.Identity(&file.Stat).SameDevice(device):
				return fs.SkipDir
			}
			return nil
		},
		Leave: func(file *walk.File) {
			if f.depthFirst {
				handle(file)
			}
		},
	}
	w.Through(walk.Argument(path))
}
