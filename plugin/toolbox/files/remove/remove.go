// Package remove has rm and rmdir.
package remove

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// remover is a call of rm.
type remover struct {
	name                                                 string
	force, recursive, directory, ask, verbose, oneSystem bool

	kept   []bool // of the directories that it is in, whether something in one is not removed
	denied error  // of a directory that can't be read
	status int
}

// Rm removes files.
func Rm(args []string) int {
	r := &remover{name: "rm"}
	f := tool.Flags("rm", "[-firv] FILE...")
	f.BoolVarP(&r.force, "force", "f", false, "no word about files that don't exist")
	f.BoolVarP(&r.recursive, "recursive", "r", false, "directories with all in them")
	f.BoolVarP(&r.recursive, "Recursive", "R", false, "as -r")
	f.BoolVarP(&r.directory, "dir", "d", false, "empty directories")
	f.BoolVarP(&r.ask, "interactive", "i", false, "ask before each")
	f.BoolVarP(&r.verbose, "verbose", "v", false, "print what is done")
	f.BoolVar(&r.oneSystem, "one-file-system", false, "leave out directories of other file systems")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() == 0 && !r.force {
		return tool.Misused(f)
	}
	return max(tool.Each("rm", f.Args(), r.remove), r.status)
}

// remove removes an argument.
func (r *remover) remove(path string) error {
	if base := filepath.Base(path); base == "." || base == ".." || filepath.Clean(path) == "/" {
		return fmt.Errorf("%s: not removed", tool.Printable(path))
	}
	e := walk.Argument(strings.TrimRight(path, "/")) // a slash would lead through a link
	s, err := e.Stat(false)
	if errors.Is(err, fs.ErrNotExist) && r.force {
		return nil
	}
	directory := walk.Kind(&s) == unix.S_IFDIR
	if err == nil && e.Name != path && !directory {
		err = &os.PathError{Op: "remove", Path: path, Err: unix.ENOTDIR}
	}
	if err != nil {
		return err
	}
	switch {
	case !directory || r.directory && !r.recursive:
		_, err := r.one(e, directory)
		return err
	case !r.recursive:
		return fmt.Errorf("%s: is a directory", tool.Printable(path))
	}
	r.tree(e, walk.Identity(&s))
	return nil
}

// one removes a file or an empty directory, unless the answer is no. It reports whether it is gone.
func (r *remover) one(e walk.Entry, directory bool) (bool, error) {
	if r.ask && !tool.Ask(fmt.Sprintf("%s: remove %s? ", r.name, e.Quoted())) {
		return false, nil
	}
	if err := e.Remove(directory); err != nil {
		return false, err
	}
	if r.verbose {
		tool.Printf("removed %s\n", e.Quoted())
	}
	return true, nil
}

// tree removes a directory with all in it, and asks for each if that is wanted. With --one-file-system, it
// stays on the file system of system. It reports whether all is gone.
func (r *remover) tree(e walk.Entry, system walk.ID) bool {
	r.kept = []bool{false}
	w := walk.Walk{
		Enter: func(f *walk.File) error { return r.enter(f, system) },
		Leave: r.leave,
		Fail:  r.fail,
	}
	w.Through(e)
	return !r.kept[0] && len(r.kept) == 1
}

// Tree removes a file with all beneath it for the tool with the name. It reports errors, and whether all is gone.
func Tree(name, path string) bool {
	return (&remover{name: name}).tree(walk.Argument(strings.TrimRight(path, "/")), walk.ID{})
}

// enter removes a file, or begins with a directory. The directory is opened before anything is asked: what is removed is
// what the question was about.
func (r *remover) enter(f *walk.File, system walk.ID) error {
	if !f.IsDir() {
		r.done(r.one(f.Entry, false))
		return nil
	}
	r.kept = append(r.kept, false)
	err := f.Hold()
	switch {
	case r.oneSystem && !walk.Identity(&f.Stat).SameDevice(system):
		err = f.Errorf("on another file system, not removed")
	case errors.Is(err, fs.ErrPermission): // it may be empty
		r.denied = err
		return fs.SkipDir
	case err == nil && r.ask && !tool.Ask(fmt.Sprintf("%s: descend into directory %s? ", r.name, f.Quoted())):
		r.keep()
		return fs.SkipDir
	}
	if err != nil {
		r.fail(err)
		return fs.SkipDir
	}
	return nil
}

// leave removes a directory, if nothing is left in it.
func (r *remover) leave(f *walk.File) {
	kept := r.kept[len(r.kept)-1]
	r.kept = r.kept[:len(r.kept)-1]
	denied := r.denied
	r.denied = nil
	if kept {
		r.keep()
		return
	}
	gone, err := r.one(f.Entry, true)
	if err != nil && denied != nil {
		err = denied
	}
	r.done(gone, err)
}

func (r *remover) keep() { r.kept[len(r.kept)-1] = true }

// done handles what one returns.
func (r *remover) done(gone bool, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist): // gone by itself
	case err != nil:
		r.fail(err)
	case !gone:
		r.keep()
	}
}

func (r *remover) fail(err error) {
	r.status = tool.Complain(r.name, err)
	r.keep()
}

// Rmdir removes empty directories.
func Rmdir(args []string) int {
	f := tool.Flags("rmdir", "[-p] DIR...")
	parents := f.BoolP("parents", "p", false, "the directories above too")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	return tool.Each("rmdir", f.Args(), func(path string) error {
		for {
			if err := unix.Rmdir(path); err != nil {
				return &os.PathError{Op: "rmdir", Path: path, Err: err}
			}
			path = filepath.Dir(path)
			if !*parents || path == "." || path == "/" {
				return nil
			}
		}
	})
}
