package grep

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// search searches a file, or a directory with -r.
func (g *grep) search(name string) error {
	if name == "-" {
		return g.file("(standard input)", os.Stdin)
	}
	if g.recursive {
		return g.tree(name)
	}
	file, err := tool.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return fmt.Errorf("%s: is a directory", tool.Printable(name))
	}
	return g.file(name, file)
}

// errFound ends grep -q at the first match.
var errFound = errors.New("found")

// tree searches an argument and all beneath it.
func (g *grep) tree(argument string) error {
	failed, found := false, false
	w := walk.Walk{
		Links: g.dereference, Arguments: true,
		Fail: func(err error) {
			failed = failed || !errors.Is(err, walk.ErrLoop) // only a warning, as in GNU's grep
			if !g.silent {
				tool.Complain(g.name, err)
			}
		},
	}
	w.Enter = func(f *walk.File) error {
		err := g.enter(f)
		if found = errors.Is(err, errFound); found {
			return fs.SkipAll
		}
		return err
	}
	w.Through(walk.Argument(argument))
	switch {
	case found:
		return errFound
	case failed:
		g.silent = true // all has been said
		return errors.New("not everything could be read")
	}
	return nil
}

// enter searches a file. What is neither a file nor the argument itself is skipped: a FIFO or a device would be waited
// for.
func (g *grep) enter(f *walk.File) error {
	name := path.Base(f.Name)
	if f.IsDir() {
		if f.Depth > 0 && matches(g.excludeDir, name) {
			return fs.SkipDir
		}
		return nil
	}
	if g.dereference && walk.Kind(&f.Stat) == unix.S_IFLNK {
		return f.Failed("open", unix.ENOENT) // what it leads to
	}
	if f.Depth > 0 && walk.Kind(&f.Stat) != unix.S_IFREG || len(g.include) > 0 && !matches(g.include, name) || matches(g.exclude, name) {
		return nil
	}
	file, err := g.open(f)
	if err != nil {
		return err
	}
	defer file.Close()
	shown := f.Path()
	if g.bare {
		shown = f.Below()
	}
	return g.file(shown, file)
}

func (g *grep) open(f *walk.File) (*os.File, error) {
	if f.Depth == 0 {
		return tool.Open(f.Name)
	}
	return f.Regular(f.Link())
}

func matches(patterns []string, name string) bool {
	for _, pattern := range patterns {
		if ok, _ := path.Match(pattern, name); ok {
			return true
		}
	}
	return false
}
