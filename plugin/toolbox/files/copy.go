package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
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
		c.copy(walk.Argument(source), walk.Argument(to))
	}
	return c.status
}

func (c *copier) fail(err error) { c.status = tool.Complain(c.name, err) }

// copy copies a file, or a directory with all in it.
func (c *copier) copy(from, to walk.Entry) {
	t := &copying{copier: c, to: to}
	w := walk.Walk{Links: c.follow, Enter: t.enter, Leave: t.leave, Fail: c.fail}
	w.Through(from)
	for _, v := range slices.Backward(t.targets) { // of a walk that was ended
		t.close(v)
	}
}

// inside reports whether the path is the directory, or beneath it.
func inside(dir, path string) bool {
	a, errA := filepath.Abs(dir)
	b, errB := filepath.Abs(path)
	return errA == nil && errB == nil && (a == b || strings.HasPrefix(b, strings.TrimSuffix(a, "/")+"/"))
}

// wanted reports whether the target is to be written.
func (c *copier) wanted(to walk.Entry, s *unix.Stat_t) bool {
	old, err := to.Stat(false)
	if err != nil {
		return true
	}
	if c.noClobber || c.update && s.Mtim.Nano() <= old.Mtim.Nano() {
		return false
	}
	if c.interactive {
		return tool.Ask(fmt.Sprintf("%s: overwrite %s? ", c.name, to.Quoted()))
	}
	return true
}

// one copies a file that is no directory.
func (c *copier) one(from, to walk.Entry, s *unix.Stat_t) error {
	if !c.wanted(to, s) {
		return nil
	}
	if c.verbose {
		fmt.Printf("%s -> %s\n", from.Quoted(), to.Quoted())
	}
	switch kind := walk.Kind(s); {
	case kind == unix.S_IFLNK:
		target, err := from.Readlink()
		if err != nil {
			return err
		}
		_ = to.Remove(false)
		if err := to.Symlink(target); err != nil || !c.preserve {
			return err
		}
		_ = to.Chown(int(s.Uid), int(s.Gid), false)
		return nil
	case kind != unix.S_IFREG && c.recursive: // a device or a FIFO is made again, not read
		_ = to.Remove(false)
		if err := to.Mknod(s.Mode, int(s.Rdev)); err != nil {
			return err
		}
	default:
		if err := c.content(from, to, s); err != nil {
			return err
		}
	}
	return c.attributes(to, s)
}

func (c *copier) content(from, to walk.Entry, s *unix.Stat_t) error {
	in, err := c.source(from)
	if err != nil {
		return err
	}
	defer in.Close()
	flags := unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC
	if to.Dir != nil { // a link in the target is replaced: it may lead anywhere
		flags |= unix.O_NOFOLLOW
	}
	mode := fs.FileMode(s.Mode & 0o777)
	out, err := to.Open(flags, mode)
	if err != nil && (c.force || errors.Is(err, unix.ELOOP)) {
		_ = to.Remove(false)
		out, err = to.Open(unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, mode)
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
func (c *copier) source(from walk.Entry) (*os.File, error) {
	if !c.recursive {
		return os.Open(from.Path())
	}
	return from.Regular(c.follow)
}

// attributes gives a copy the source's mode, and with -p its owner and times.
func (c *copier) attributes(to walk.Entry, s *unix.Stat_t) error {
	follow := to.Dir == nil // an argument that is a link was written to
	mode := s.Mode & 0o7777
	if !c.preserve {
		if walk.Kind(s) == unix.S_IFDIR {
			mask := unix.Umask(0)
			unix.Umask(mask)
			return to.Chmod(mode&0o777&^uint32(mask), follow)
		}
		return nil
	}
	if err := to.Chown(int(s.Uid), int(s.Gid), follow); err != nil {
		mode &= 0o1777 // not with the rights of another owner
	}
	if err := to.Chmod(mode, follow); err != nil {
		return err
	}
	return to.Times(s.Atim.Nano(), s.Mtim.Nano(), follow)
}
