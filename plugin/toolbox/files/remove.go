package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

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
	return max(each("rm", f.Args(), false, r.remove), r.status)
}

// remove removes an argument.
func (r *remover) remove(path string) error {
	if base := filepath.Base(path); base == "." || base == ".." || filepath.Clean(path) == "/" {
		return fmt.Errorf("%s: not removed", tool.Printable(path))
	}
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) && r.force {
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case !info.IsDir() || r.directory && !r.recursive:
		return r.one(path)
	case !r.recursive:
		return fmt.Errorf("%s: is a directory", tool.Printable(path))
	case !r.ask && !r.verbose && !r.oneSystem:
		return os.RemoveAll(path)
	}
	r.tree(path, device(info))
	return nil
}

func device(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*unixStat); ok {
		return uint64(s.Dev) //nolint:unconvert // another type on other architectures
	}
	return 0
}

// one removes a file or an empty directory, unless the answer is no.
func (r *remover) one(path string) error {
	if r.ask && !tool.Ask(fmt.Sprintf("rm: remove %s? ", tool.Printable(path))) {
		return nil
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	if r.verbose {
		fmt.Printf("removed %s\n", tool.Printable(path))
	}
	return nil
}

// tree removes a directory with all in it, and asks for each if that is wanted. It reports whether all is gone.
func (r *remover) tree(dir string, system uint64) bool {
	info, err := os.Lstat(dir)
	if err == nil && r.oneSystem && device(info) != system {
		err = fmt.Errorf("%s: on another file system, not removed", tool.Printable(dir))
	}
	if err != nil {
		return r.fail(err)
	}
	if r.ask && !tool.Ask(fmt.Sprintf("rm: descend into directory %s? ", tool.Printable(dir))) {
		return false
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return r.fail(err)
	}
	gone := true
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if entry.IsDir() {
			gone = r.tree(path, system) && gone
		} else {
			gone = r.below(path) && gone
		}
	}
	return gone && r.below(dir)
}

// below removes a file or an empty directory, and reports whether it is gone.
func (r *remover) below(path string) bool {
	if err := r.one(path); err != nil {
		return r.fail(err)
	}
	_, err := os.Lstat(path)
	return err != nil
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
	return each("rmdir", f.Args(), false, func(path string) error {
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
