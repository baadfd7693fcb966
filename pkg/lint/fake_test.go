package lint_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/program"
)

// file is a file of a fake container. A mode without a type is a regular file's.
type file struct {
	mode     fs.FileMode
	content  string // of a link: where it leads
	uid, gid int
	err      error // of reading it
}

// fake is the files of a container, by their paths. Directories on the way need not be listed.
type fake map[string]file

func program1(content string) file { return file{mode: 0o755, content: content} }
func link(target string) file      { return file{mode: fs.ModeSymlink | 0o777, content: target} }

func (f fake) find(name string) (file, error) {
	if found, ok := f[name]; ok {
		return found, found.err
	}
	for other := range f {
		if name == "/" || strings.HasPrefix(other, name+"/") {
			return file{mode: fs.ModeDir | 0o755}, nil
		}
	}
	return file{}, fs.ErrNotExist
}

func (f fake) Lstat(_ context.Context, name string) (fs.FileMode, int64, error) {
	if name != path.Clean(name) || !path.IsAbs(name) {
		return 0, 0, errors.New("not a clean path: " + name)
	}
	found, err := f.find(name)
	return found.mode, int64(len(found.content)), err
}

func (f fake) Readlink(_ context.Context, name string) (string, error) { return f[name].content, nil }

func (f fake) Owner(_ context.Context, name string) (uid, gid int, err error) {
	found, err := f.find(name)
	return found.uid, found.gid, err
}

func (f fake) Open(_ context.Context, name string) (io.ReadCloser, error) {
	if !f[name].mode.IsRegular() {
		return nil, errors.New("opened: " + name)
	}
	return io.NopCloser(strings.NewReader(f[name].content)), nil
}

func (f fake) Names(_ context.Context, dir string) ([]string, error) {
	var names []string
	for name := range f {
		if path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// parser parses in this process.
type parser struct{}

func (parser) Program(f program.File) (program.Facts, error) {
	facts := program.Parse(f)
	return facts, facts.Check(f)
}

func (parser) Account(spec string, groups []string, passwd, group []byte) (program.Account, error) {
	a := program.ParseAccount(spec, groups, passwd, group)
	return a, a.Check()
}

func (parser) Paths(text []byte, musl bool) (program.Paths, error) {
	p := program.ParsePaths(text, musl)
	return p, p.Check()
}

// unreadable is the engine's answer about one file.
type unreadable struct{}

func (unreadable) Error() string    { return "it cannot be read" }
func (unreadable) Unreadable() bool { return true }
