package walk

import (
	"errors"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"
)

// File is a file that a walk has come to.
type File struct {
	Entry
	Stat  unix.Stat_t // of the target, for a link that is followed
	Depth int         // 0 for the argument

	link bool // the name is a link, which is followed
	dir  *Dir // once it is opened
}

// IsDir reports whether the walk goes into the file.
func (f *File) IsDir() bool { return Kind(&f.Stat) == unix.S_IFDIR }

// Link reports whether the file is what a link leads to.
func (f *File) Link() bool { return f.link }

// Hold opens a directory before something is decided about it: what is done then is done to that one. Otherwise the walk
// opens it after Enter.
func (f *File) Hold() error {
	if f.dir != nil {
		return nil
	}
	dir, err := f.OpenDir(f.link)
	if err != nil {
		return err
	}
	if dir.id != Identity(&f.Stat) {
		dir.shut()
		return f.Failed("open", ErrMoved)
	}
	f.dir = dir
	return nil
}

// Empty reports whether nothing is in a directory.
func (f *File) Empty() (bool, error) {
	dir, err := f.OpenDir(f.link)
	if err != nil {
		return false, err
	}
	defer dir.shut()
	names, err := dir.Names()
	return len(names) == 0 && dir.id == Identity(&f.Stat), err
}

// Walk goes through a tree: through a file and, if it is a directory, all beneath it.
type Walk struct {
	Links     bool // follow links
	Arguments bool // follow the argument, if it is a link

	// Enter is called for each file, for a directory before what is in it. fs.SkipDir leaves that out, fs.SkipAll ends
	// the walk, and another error goes to Fail.
	Enter func(*File) error
	// List chooses and sorts the names in a directory. If it is nil, all are visited, in order.
	List func(f *File, d *Dir, names []string) []string
	// Leave is called for a directory after all in it, also if that was left out.
	Leave func(*File)
	// Fail gets the errors. A file that has gone before it was looked at is none.
	Fail func(error)
}

// level is a directory that a walk is in, and what is left to be visited there.
type level struct {
	file  *File
	names []string
}

// Through walks through the tree of an entry.
func (w *Walk) Through(e Entry) {
	above := make(map[ID]bool)
	var levels []level
	enter := func(e Entry) bool {
		f, names, ok := w.visit(e, len(levels), above)
		if f != nil {
			above[f.dir.id] = true
			levels = append(levels, level{f, names})
		}
		return ok
	}
	ok := enter(e)
	for ok && len(levels) > 0 {
		last := &levels[len(levels)-1]
		if len(last.names) > 0 {
			name := last.names[0]
			last.names = last.names[1:]
			ok = enter(last.file.dir.Entry(name))
			continue
		}
		f := last.file
		levels = levels[:len(levels)-1]
		delete(above, f.dir.id)
		if err := f.dir.Close(); err != nil {
			w.Fail(err)
			f.Dir.shutAll()
			return
		}
		w.leave(f)
	}
	if len(levels) > 0 {
		levels[len(levels)-1].file.dir.shutAll()
	}
}

func (w *Walk) leave(f *File) {
	if w.Leave != nil {
		w.Leave(f)
	}
}

// visit handles a file. It returns a directory to go into, open, and the names in it, and whether the walk goes on.
func (w *Walk) visit(e Entry, depth int, above map[ID]bool) (*File, []string, bool) {
	f := &File{Entry: e, Depth: depth}
	if err := f.look(w.Links || w.Arguments && depth == 0); err != nil {
		if depth == 0 || !errors.Is(err, fs.ErrNotExist) {
			w.Fail(err)
		}
		return nil, nil, true
	}
	if f.IsDir() && above[Identity(&f.Stat)] {
		w.Fail(f.Failed("open", ErrLoop))
		return nil, nil, true
	}
	err := w.Enter(f)
	if err != nil && !errors.Is(err, fs.SkipAll) && !errors.Is(err, fs.SkipDir) {
		w.Fail(err)
		err = nil
	}
	if err == nil && f.IsDir() {
		if names, ok := w.names(f); ok {
			return f, names, true
		}
	}
	if f.dir != nil {
		f.dir.shut()
	}
	if f.IsDir() && !errors.Is(err, fs.SkipAll) {
		w.leave(f)
	}
	return nil, nil, !errors.Is(err, fs.SkipAll)
}

// look describes the file. With follow, a link without a target is a file by itself.
func (f *File) look(follow bool) (err error) {
	if f.Stat, err = f.Entry.Stat(false); err != nil || !follow || Kind(&f.Stat) != unix.S_IFLNK {
		return err
	}
	if target, err := f.Entry.Stat(true); err == nil {
		f.Stat, f.link = target, true
	}
	return nil
}

// names opens a directory and reads it.
func (w *Walk) names(f *File) ([]string, bool) {
	if err := f.Hold(); err != nil {
		w.Fail(err)
		return nil, false
	}
	names, err := f.dir.Names()
	if err != nil {
		w.Fail(err)
	}
	if w.List != nil {
		return w.List(f, f.dir, names), true
	}
	slices.Sort(names)
	return names, true
}
