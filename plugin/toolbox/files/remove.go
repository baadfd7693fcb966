package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// remover is a call of rm.
type remover struct {
	force, recursive, directory, ask, verbose, oneSystem bool
	status                                               int
}

// Rm removes files.
func Rm(args []string) int {
	r := &remover{}
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
		f.Usage()
		return tool.Usage
	}
	return max(each("rm", f.Args(), r.remove), r.status)
}

// remove removes an argument.
func (r *remover) remove(path string) error {
	if base := filepath.Base(path); base == "." || base == ".." || filepath.Clean(path) == "/" {
		return fmt.Errorf("%s: not removed", tool.Printable(path))
	}
	e := argument(strings.TrimRight(path, "/")) // a slash would lead through a link
	s, err := e.lstat()
	if errors.Is(err, fs.ErrNotExist) && r.force {
		return nil
	}
	if err == nil && e.name != path && !isDirectory(s) {
		err = &os.PathError{Op: "remove", Path: path, Err: unix.ENOTDIR}
	}
	if err != nil {
		return err
	}
	switch {
	case !isDirectory(s) || r.directory && !r.recursive:
		_, err := r.one(e, isDirectory(s))
		return err
	case !r.recursive:
		return fmt.Errorf("%s: is a directory", tool.Printable(path))
	case !r.ask && !r.verbose && !r.oneSystem:
		return os.RemoveAll(e.path)
	}
	r.tree(e, uint64(s.Dev)) //nolint:unconvert // another type on other architectures
	return nil
}

// one removes a file or an empty directory, unless the answer is no. It reports whether it is gone.
func (r *remover) one(e entry, directory bool) (bool, error) {
	if r.ask && !tool.Ask(fmt.Sprintf("rm: remove %s? ", tool.Printable(e.path))) {
		return false, nil
	}
	if err := e.remove(directory); err != nil {
		return false, err
	}
	if r.verbose {
		fmt.Printf("removed %s\n", tool.Printable(e.path))
	}
	return true, nil
}

// tree removes a directory with all in it, and asks for each if that is wanted. It reports whether all is gone. The
// directory is opened before anything is asked: what is removed is what the question was about.
func (r *remover) tree(e entry, system uint64) bool {
	dir, err := e.open(false)
	if err != nil {
		return r.fail(err)
	}
	defer dir.Close()
	var s unix.Stat_t
	err = unix.Fstat(int(dir.Fd()), &s)
	if err == nil && r.oneSystem && uint64(s.Dev) != system { //nolint:unconvert // another type on other architectures
		err = fmt.Errorf("%s: on another file system, not removed", tool.Printable(e.path))
	}
	if err != nil {
		return r.fail(err)
	}
	if r.ask && !tool.Ask(fmt.Sprintf("rm: descend into directory %s? ", tool.Printable(e.path))) {
		return false
	}
	list, err := entries(dir)
	if err != nil {
		return r.fail(err)
	}
	gone := true
	for _, below := range list {
		s, err := below.lstat()
		switch {
		case errors.Is(err, fs.ErrNotExist): // gone by itself
		case err != nil:
			gone = r.fail(err)
		case isDirectory(s):
			gone = r.tree(below, system) && gone
		default:
			gone = r.below(below, false) && gone
		}
	}
	return gone && r.below(e, true)
}

func (r *remover) below(e entry, directory bool) bool {
	gone, err := r.one(e, directory)
	if err != nil {
		return r.fail(err)
	}
	return gone
}

func (r *remover) fail(err error) bool {
	r.status = tool.Complain("rm", err)
	return false
}

// Rmdir removes empty directories.
func Rmdir(args []string) int {
	f := tool.Flags("rmdir", "[-p] DIR...")
	parents := f.BoolP("parents", "p", false, "the directories above too")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	return each("rmdir", f.Args(), func(path string) error {
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
