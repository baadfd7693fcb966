package transfer

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// copying is the copy of an argument.
type copying struct {
	*copier
	to      walk.Entry // the argument's copy
	system  walk.ID    // a file of the argument's file system
	first   walk.ID    // the directory that was made for the argument, which is not copied into itself
	targets []target   // of the directories that it is in
	lost    bool       // the place in the target
}

// target is a directory's copy.
type target struct {
	dir  *walk.Dir // nil if there is none
	made bool
}

// enter copies a file, or begins with a directory.
func (t *copying) enter(f *walk.File) error {
	if t.lost {
		return fs.SkipAll
	}
	to := t.to
	if f.Depth > 0 {
		to = t.targets[len(t.targets)-1].dir.Entry(f.Name)
	}
	if !f.IsDir() {
		if err := t.refused(f, to); err != nil {
			return err
		}
		return t.one(f.Entry, to, &f.Stat)
	}
	err := t.refused(f, to)
	made := target{}
	if err == nil {
		made, err = t.directory(f, to)
	}
	t.targets = append(t.targets, made)
	if err != nil {
		t.fail(err)
		return fs.SkipDir
	}
	if t.oneSystem && !walk.Identity(&f.Stat).SameDevice(t.system) {
		return fs.SkipDir
	}
	return nil
}

// refused returns why a file is not copied.
func (t *copying) refused(f *walk.File, to walk.Entry) error {
	old, err := to.Stat(true)
	switch {
	case t.follow && walk.Kind(&f.Stat) == unix.S_IFLNK: // without a target
		return f.Failed("stat", unix.ENOENT)
	case err == nil && walk.Identity(&old) == walk.Identity(&f.Stat):
		return fmt.Errorf("%s and %s are the same file", f.Quoted(), to.Quoted())
	case !f.IsDir():
		return nil
	case !t.recursive:
		return f.Errorf("is a directory: omitted without -r")
	case f.Depth == 0 && inside(f.Path(), to.Path()), f.Depth > 0 && walk.Identity(&f.Stat) == t.first:
		return fmt.Errorf("%s: cannot be copied into itself, %s", f.Quoted(), to.Quoted())
	}
	return nil
}

// directory makes or opens a directory's copy. Of the target only an argument may be a link: another one was not meant.
func (t *copying) directory(f *walk.File, to walk.Entry) (target, error) {
	if err := f.Hold(); err != nil {
		return target{}, err
	}
	err := to.Mkdir(0o700)
	made := err == nil
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return target{}, err
	}
	dir, err := to.OpenDir(to.Dir == nil && !made)
	if err != nil {
		return target{}, err
	}
	if f.Depth == 0 {
		t.first, t.system = dir.ID(), walk.Identity(&f.Stat)
	}
	if made {
		t.tell(f.Entry, to)
	}
	return target{dir, made}, nil
}

// leave gives a directory's copy its attributes. One that was there keeps its mode.
func (t *copying) leave(f *walk.File) {
	last := t.targets[len(t.targets)-1]
	t.targets = t.targets[:len(t.targets)-1]
	if last.dir == nil {
		return
	}
	if last.made || t.keep != (kept{}) {
		if err := t.attributes(last.dir.Entry("."), &f.Stat); err != nil {
			t.fail(err)
		}
	}
	t.close(last)
}

func (t *copying) close(last target) {
	if last.dir == nil || t.lost {
		return
	}
	if err := last.dir.Close(); err != nil {
		t.fail(err)
		t.lost = true
	}
}
