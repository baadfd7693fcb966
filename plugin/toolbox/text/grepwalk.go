package text

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// search searches a file, or a directory with -r.
func (g *grep) search(path string) error {
	if path == "-" {
		return g.file("(standard input)", os.Stdin)
	}
	if !g.recursive {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		if info, err := file.Stat(); err == nil && info.IsDir() {
			return fmt.Errorf("%s: is a directory", path)
		}
		return g.file(path, file)
	}
	failed := false
	err := g.walk(path, 0, &failed)
	if err == nil && failed {
		err = errors.New("not everything could be read")
		g.silent = true // all has been said
	}
	return err
}

// errFound ends grep -q at the first match.
var errFound = errors.New("found")

// linkLimit is how many links to directories are followed below each other.
const linkLimit = 20

// walk searches a directory. depth is how many links to directories led there.
func (g *grep) walk(path string, depth int, failed *bool) error {
	return filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		// As in GNU's grep, "grep -r x ." prints ./name.
		if path == "." && name != "." {
			name = "./" + name
		}
		if err != nil {
			*failed = true
			if !g.silent {
				tool.Complain(g.name, err)
			}
			return nil
		}
		if g.dereference && name != path && entry.Type()&fs.ModeSymlink != 0 {
			return g.link(name, depth, failed)
		}
		return g.entry(path, name, entry, failed)
	})
}

// link searches what a link leads to, for -R.
func (g *grep) link(name string, depth int, failed *bool) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		*failed = true
		if !g.silent {
			tool.Complain(g.name, err)
		}
		return nil
	case !info.IsDir():
		return g.entry("", name, fs.FileInfoToDirEntry(info), failed)
	case matches(g.excludeDir, filepath.Base(name)):
		return nil
	}
	// A link to a directory above would lead around for ever.
	to, err := filepath.EvalSymlinks(name)
	at, dirErr := filepath.EvalSymlinks(filepath.Dir(name))
	if err != nil || dirErr != nil || strings.HasPrefix(at+"/", strings.TrimSuffix(to, "/")+"/") || depth == linkLimit {
		return nil
	}
	return g.walk(name+"/", depth+1, failed)
}

// entry searches an entry of a directory. What is neither a file nor the argument itself is skipped: a FIFO or a
// device would be waited for.
func (g *grep) entry(root, name string, entry fs.DirEntry, failed *bool) error {
	switch {
	case entry.IsDir():
		if name != root && matches(g.excludeDir, entry.Name()) {
			return fs.SkipDir
		}
		return nil
	case name != root && !entry.Type().IsRegular(),
		len(g.include) > 0 && !matches(g.include, entry.Name()),
		matches(g.exclude, entry.Name()):
		return nil
	}
	open := tool.OpenRegular
	if name == root {
		open = os.Open
	}
	file, err := open(name)
	if err == nil {
		err = g.file(name, file)
		file.Close()
	}
	if errors.Is(err, errFound) {
		return err
	}
	if err != nil {
		*failed = true
		if !g.silent {
			tool.Complain(g.name, err)
		}
	}
	return nil
}

func matches(patterns []string, name string) bool {
	for _, pattern := range patterns {
		if ok, _ := filepath.Match(pattern, name); ok {
			return true
		}
	}
	return false
}
