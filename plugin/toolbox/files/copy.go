package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// copier is a call of cp.
type copier struct {
	name                                                                        string
	recursive, preserve, force, interactive, noClobber, verbose, update, follow bool
	status                                                                      int
}

// Cp copies files.
func Cp(args []string) int {
	c := &copier{name: "cp"}
	f := tool.Flags("cp", "[OPTIONS] SOURCE... TARGET")
	archive := f.BoolP("archive", "a", false, "as -rpP")
	f.BoolVarP(&c.recursive, "recursive", "r", false, "directories too")
	upper := f.BoolP("Recursive", "R", false, "directories too")
	f.BoolVarP(&c.preserve, "preserve", "p", false, "keep mode, owner and times")
	f.BoolVarP(&c.force, "force", "f", false, "replace a target that can't be opened")
	f.BoolVarP(&c.interactive, "interactive", "i", false, "ask before a file is overwritten")
	f.BoolVarP(&c.noClobber, "no-clobber", "n", false, "overwrite nothing")
	f.BoolVarP(&c.verbose, "verbose", "v", false, "print what is done")
	f.BoolVarP(&c.update, "update", "u", false, "only if the source is newer")
	f.BoolVarP(&c.follow, "dereference", "L", false, "copy what links lead to")
	noFollow := f.BoolP("no-dereference", "P", false, "copy links themselves")
	noTarget := f.BoolP("no-target-directory", "T", false, "the target is no directory to copy into")
	target := f.StringP("target-directory", "t", "", "the directory to copy into")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	c.recursive = c.recursive || *upper || *archive
	c.preserve = c.preserve || *archive
	if !c.recursive && !*noFollow {
		c.follow = true
	}
	sources := f.Args()
	if *target == "" && len(sources) > 1 {
		sources, *target = sources[:len(sources)-1], sources[len(sources)-1]
	}
	if len(sources) == 0 || *target == "" {
		f.Usage()
		return tool.Usage
	}
	info, err := os.Stat(*target)
	into := err == nil && info.IsDir() && !*noTarget
	if len(sources) > 1 && !into {
		return tool.Complain("cp", fmt.Errorf("%s: not a directory", tool.Printable(*target)))
	}
	for _, source := range sources {
		to := *target
		if into {
			to = filepath.Join(to, filepath.Base(source))
		}
		c.copy(source, to)
	}
	return c.status
}

func (c *copier) fail(err error) { c.status = tool.Complain(c.name, err) }

// copy copies a file, or a directory with all in it.
func (c *copier) copy(from, to string) {
	stat := os.Lstat
	if c.follow {
		stat = os.Stat
	}
	info, err := stat(from)
	if err != nil {
		c.fail(err)
		return
	}
	if old, err := os.Stat(to); err == nil && os.SameFile(info, old) {
		c.fail(fmt.Errorf("%s and %s are the same file", tool.Printable(from), tool.Printable(to)))
		return
	}
	if !info.IsDir() {
		if err := c.one(from, to, info); err != nil {
			c.fail(err)
		}
		return
	}
	if !c.recursive {
		c.fail(fmt.Errorf("%s: is a directory: omitted without -r", tool.Printable(from)))
		return
	}
	if inside(from, to) {
		c.fail(fmt.Errorf("%s: cannot be copied into itself, %s", tool.Printable(from), tool.Printable(to)))
		return
	}
	c.directory(from, to, info)
}

// inside reports whether the path is the directory, or beneath it.
func inside(dir, path string) bool {
	a, errA := filepath.Abs(dir)
	b, errB := filepath.Abs(path)
	return errA == nil && errB == nil && (a == b || strings.HasPrefix(b, strings.TrimSuffix(a, "/")+"/"))
}

func (c *copier) directory(from, to string, info fs.FileInfo) {
	err := os.Mkdir(to, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		c.fail(err)
		return
	}
	made := err == nil
	entries, err := os.ReadDir(from)
	if err != nil {
		c.fail(err)
	}
	for _, entry := range entries {
		c.copy(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name()))
	}
	if !made && !c.preserve { // a directory that was there keeps its mode
		return
	}
	if err := c.attributes(to, info); err != nil {
		c.fail(err)
	}
}

// wanted reports whether the target is to be written.
func (c *copier) wanted(to string, info fs.FileInfo) bool {
	old, err := os.Lstat(to)
	if err != nil {
		return true
	}
	if c.noClobber || c.update && !info.ModTime().After(old.ModTime()) {
		return false
	}
	if c.interactive {
		return tool.Ask(fmt.Sprintf("%s: overwrite %s? ", c.name, tool.Printable(to)))
	}
	return true
}

// one copies a file that is no directory.
func (c *copier) one(from, to string, info fs.FileInfo) error {
	if !c.wanted(to, info) {
		return nil
	}
	if c.verbose {
		fmt.Printf("%s -> %s\n", tool.Printable(from), tool.Printable(to))
	}
	mode := info.Mode()
	stat, _ := info.Sys().(*unixStat)
	switch {
	case mode&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		_ = os.Remove(to)
		if err := os.Symlink(target, to); err != nil || !c.preserve || stat == nil {
			return err
		}
		_ = os.Lchown(to, int(stat.Uid), int(stat.Gid))
		return nil
	case !mode.IsRegular() && c.recursive: // a device or a FIFO is made again, not read
		if stat == nil {
			return nil
		}
		_ = os.Remove(to)
		if err := unix.Mknod(to, stat.Mode, int(stat.Rdev)); err != nil {
			return &os.PathError{Op: "mknod", Path: to, Err: err}
		}
	default:
		if err := c.content(from, to, mode); err != nil {
			return err
		}
	}
	return c.attributes(to, info)
}

func (c *copier) content(from, to string, mode fs.FileMode) error {
	open := os.Open
	if c.recursive { // the file was a regular one a moment ago
		open = tool.OpenRegular
	}
	in, err := open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode.Perm())
	if err != nil && c.force {
		_ = os.Remove(to)
		out, err = os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode.Perm())
	}
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// attributes gives a copy the source's mode, and with -p its owner and times.
func (c *copier) attributes(to string, info fs.FileInfo) error {
	stat, _ := info.Sys().(*unixStat)
	if stat == nil {
		return nil
	}
	if !c.preserve {
		if info.IsDir() {
			mask := unix.Umask(0)
			unix.Umask(mask)
			return os.Chmod(to, info.Mode().Perm()&^fs.FileMode(mask))
		}
		return nil
	}
	chown := os.Lchown(to, int(stat.Uid), int(stat.Gid))
	mode := stat.Mode & 0o7777
	if chown != nil {
		mode &= 0o1777 // not with the rights of another owner
	}
	if err := unix.Chmod(to, mode); err != nil {
		return &os.PathError{Op: "chmod", Path: to, Err: err}
	}
	return os.Chtimes(to, time.Unix(stat.Atim.Unix()), info.ModTime())
}
