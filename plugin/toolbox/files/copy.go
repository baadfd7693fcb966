package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

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
		c.copy(argument(source), argument(to))
	}
	return c.status
}

func (c *copier) fail(err error) { c.status = tool.Complain(c.name, err) }

// copy copies a file, or a directory with all in it.
func (c *copier) copy(from, to entry) {
	info, err := from.stat(c.follow)
	if err != nil {
		c.fail(err)
		return
	}
	if old, err := to.stat(true); err == nil && os.SameFile(info, old) {
		c.fail(fmt.Errorf("%s and %s are the same file", tool.Printable(from.path), tool.Printable(to.path)))
		return
	}
	if !info.IsDir() {
		if err := c.one(from, to, info); err != nil {
			c.fail(err)
		}
		return
	}
	if !c.recursive {
		c.fail(fmt.Errorf("%s: is a directory: omitted without -r", tool.Printable(from.path)))
		return
	}
	if inside(from.path, to.path) {
		c.fail(fmt.Errorf("%s: cannot be copied into itself, %s", tool.Printable(from.path), tool.Printable(to.path)))
		return
	}
	if err := c.directory(from, to, info); err != nil {
		c.fail(err)
	}
}

// inside reports whether the path is the directory, or beneath it.
func inside(dir, path string) bool {
	a, errA := filepath.Abs(dir)
	b, errB := filepath.Abs(path)
	return errA == nil && errB == nil && (a == b || strings.HasPrefix(b, strings.TrimSuffix(a, "/")+"/"))
}

// directory copies a directory. Of the target only an argument may be a link: another one was not meant.
func (c *copier) directory(from, to entry, info fs.FileInfo) error {
	source, err := from.open(c.follow)
	if err != nil {
		return err
	}
	defer source.Close()
	err = to.failed("mkdir", unix.Mkdirat(to.at(), to.name, 0o700))
	made := err == nil
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	target, err := to.open(to.dir == nil && !made)
	if err != nil {
		return err
	}
	defer target.Close()
	list, err := entries(source)
	if err != nil {
		c.fail(err)
	}
	for _, below := range list {
		c.copy(below, entry{target, below.name, filepath.Join(to.path, below.name)})
	}
	if !made && !c.preserve { // a directory that was there keeps its mode
		return nil
	}
	return c.attributes(entry{target, ".", to.path}, info)
}

// wanted reports whether the target is to be written.
func (c *copier) wanted(to entry, info fs.FileInfo) bool {
	old, err := to.stat(false)
	if err != nil {
		return true
	}
	if c.noClobber || c.update && !info.ModTime().After(old.ModTime()) {
		return false
	}
	if c.interactive {
		return tool.Ask(fmt.Sprintf("%s: overwrite %s? ", c.name, tool.Printable(to.path)))
	}
	return true
}

// one copies a file that is no directory.
func (c *copier) one(from, to entry, info fs.FileInfo) error {
	if !c.wanted(to, info) {
		return nil
	}
	if c.verbose {
		fmt.Printf("%s -> %s\n", tool.Printable(from.path), tool.Printable(to.path))
	}
	mode := info.Mode()
	stat, _ := info.Sys().(*unixStat)
	switch {
	case mode&fs.ModeSymlink != 0:
		target, err := from.readlink()
		if err != nil {
			return err
		}
		_ = to.remove(false)
		if err := to.failed("symlink", unix.Symlinkat(target, to.at(), to.name)); err != nil || !c.preserve || stat == nil {
			return err
		}
		_ = to.chown(int(stat.Uid), int(stat.Gid), false)
		return nil
	case !mode.IsRegular() && c.recursive: // a device or a FIFO is made again, not read
		if stat == nil {
			return nil
		}
		_ = to.remove(false)
		if err := to.failed("mknod", unix.Mknodat(to.at(), to.name, stat.Mode, int(stat.Rdev))); err != nil {
			return err
		}
	default:
		if err := c.content(from, to, mode); err != nil {
			return err
		}
	}
	return c.attributes(to, info)
}

func (c *copier) content(from, to entry, mode fs.FileMode) error {
	in, err := c.source(from)
	if err != nil {
		return err
	}
	defer in.Close()
	flags := unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC
	if to.dir != nil { // a link in the target is replaced: it may lead anywhere
		flags |= unix.O_NOFOLLOW
	}
	out, err := to.file(flags, mode.Perm())
	if err != nil && (c.force || errors.Is(err, unix.ELOOP)) {
		_ = to.remove(false)
		out, err = to.file(unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, mode.Perm())
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

// source opens a file. With -r it was a regular one a moment ago.
func (c *copier) source(from entry) (*os.File, error) {
	if !c.recursive {
		return os.Open(from.path)
	}
	return from.regular(c.follow)
}

// attributes gives a copy the source's mode, and with -p its owner and times.
func (c *copier) attributes(to entry, info fs.FileInfo) error {
	stat, _ := info.Sys().(*unixStat)
	if stat == nil {
		return nil
	}
	follow := to.dir == nil // an argument that is a link was written to
	mode := stat.Mode & 0o7777
	if !c.preserve {
		if info.IsDir() {
			mask := unix.Umask(0)
			unix.Umask(mask)
			return to.chmod(mode&0o777&^uint32(mask), follow)
		}
		return nil
	}
	if err := to.chown(int(stat.Uid), int(stat.Gid), follow); err != nil {
		mode &= 0o1777 // not with the rights of another owner
	}
	if err := to.chmod(mode, follow); err != nil {
		return err
	}
	return to.times(stat.Atim.Nano(), stat.Mtim.Nano(), follow)
}
