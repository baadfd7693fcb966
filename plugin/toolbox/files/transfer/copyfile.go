package transfer

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

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/quote"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// copy copies a file, or a directory with all in it.
func (c *copier) copy(from, to walk.Entry) {
	t := &copying{copier: c, to: to}
	w := walk.Walk{Links: c.follow, Arguments: c.arguments, Enter: t.enter, Leave: t.leave, Fail: c.fail}
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
	if err := c.backup(to); err != nil {
		return err
	}
	c.tell(from, to)
	switch kind := walk.Kind(s); {
	case c.hard:
		return c.link(from, to)
	case c.symbolic:
		return c.linkTo(from, to)
	case kind == unix.S_IFLNK:
		target, err := from.Readlink()
		if err != nil {
			return err
		}
		_ = to.Remove(false)
		if err := to.Symlink(target); err != nil || !c.keep.owner {
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
		return c.content(from, to, s)
	}
	return c.attributes(to, s)
}

// tell prints what is copied, with -v.
func (c *copier) tell(from, to walk.Entry) {
	if c.verbose {
		tool.Printf("%s -> %s\n", quote.Always(from.Path()), quote.Always(to.Path()))
	}
}

// backup gives a file that is to be overwritten another name, with -b.
func (c *copier) backup(to walk.Entry) error {
	if c.suffix == "" {
		return nil
	}
	if _, err := to.Stat(false); err != nil {
		return nil
	}
	return to.Rename(to.Name + c.suffix)
}

// link makes a hard link, with -l.
func (c *copier) link(from, to walk.Entry) error {
	if c.force {
		_ = to.Remove(false)
	}
	return to.Link(from)
}

// linkTo makes a symbolic link, with -s.
func (c *copier) linkTo(from, to walk.Entry) error {
	if path := from.Path(); !filepath.IsAbs(path) && filepath.Dir(to.Path()) != "." {
		return to.Errorf("a relative link is only made in the working directory")
	}
	if c.force {
		_ = to.Remove(false)
	}
	return to.Symlink(from.Path())
}

func (c *copier) content(from, to walk.Entry, s *unix.Stat_t) error {
	in, err := c.source(from)
	if err != nil {
		return err
	}
	defer in.Close()
	flags := unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC
	if c.noContent {
		flags = unix.O_WRONLY | unix.O_CREAT
	}
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
	if !c.noContent {
		_, err = io.Copy(out, in)
	}
	if err == nil {
		err = c.onFile(out, to, s)
	}
	return errors.Join(err, out.Close())
}

// source opens a file. With -r it was a regular one a moment ago.
func (c *copier) source(from walk.Entry) (*os.File, error) {
	if !c.recursive {
		return os.Open(from.Path())
	}
	return from.Regular(c.follow)
}

// KeepAttributes gives an open copy the source's mode, owner and times. Its name, to, may be another file's by now.
func KeepAttributes(out *os.File, to walk.Entry, source *unix.Stat_t) error {
	return (&copier{keep: keepAll}).onFile(out, to, source)
}

// onFile gives an open copy the source's attributes that are kept. Its name may be another file's by now.
func (c *copier) onFile(out *os.File, to walk.Entry, s *unix.Stat_t) error {
	fd, mode := int(out.Fd()), s.Mode&0o7777
	if info, err := out.Stat(); err != nil || !info.Mode().IsRegular() { // a device that is written to keeps what it has
		return err
	}
	if c.keep.owner && unix.Fchown(fd, int(s.Uid), int(s.Gid)) != nil {
		mode &= 0o1777 // not with the rights of another owner
	}
	if c.keep.mode {
		if err := unix.Fchmod(fd, mode); err != nil {
			return &fs.PathError{Op: "chmod", Path: out.Name(), Err: err}
		}
	}
	if !c.keep.times {
		return nil
	}
	times := []unix.Timeval{unix.NsecToTimeval(s.Atim.Nano()), unix.NsecToTimeval(s.Mtim.Nano())}
	if err := unix.Futimes(fd, times); err != nil {
		return &fs.PathError{Op: "utimes", Path: out.Name(), Err: err}
	}
	// Nanoseconds are only set by name. Of another file that has the name, not even a link's target is changed.
	_ = to.Times(s.Atim.Nano(), s.Mtim.Nano(), false)
	return nil
}

// attributes gives a copy that is no regular file the source's mode, and what else is kept. A link that has the copy's
// name by now is not followed.
func (c *copier) attributes(to walk.Entry, s *unix.Stat_t) error {
	mode := s.Mode & 0o7777
	var err error
	if c.keep.owner && to.Chown(int(s.Uid), int(s.Gid), false) != nil {
		mode &= 0o1777 // not with the rights of another owner
	}
	switch {
	case c.keep.mode:
		err = to.Chmod(mode, false)
	case walk.Kind(s) == unix.S_IFDIR:
		mask := unix.Umask(0)
		unix.Umask(mask)
		err = to.Chmod(mode&0o777&^uint32(mask), false)
	}
	if err != nil || !c.keep.times {
		return err
	}
	return to.Times(s.Atim.Nano(), s.Mtim.Nano(), false)
}
