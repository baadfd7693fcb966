package lint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Limits of a path.
const (
	maxLinks      = 40 // as in the kernel, MAXSYMLINKS of linux/namei.h
	maxComponents = 4096
)

// tree resolves paths in the container's files as the kernel does for one of its processes.
type tree struct {
	ctx    context.Context //nolint:containedctx // of one call of Check
	files  Files
	who    who
	hidden []string // what is beneath these directories is not in the files
}

// who is whose permissions count.
type who struct {
	uid       int
	gids      []int
	overrides bool // as root it may open and enter everything
}

// found is a file that is not a link.
type found struct {
	path string // without links
	mode fs.FileMode
	size int64
	// blocked is the first directory on the way that the user may not enter, or "".
	blocked string
}

// Permissions, as bits for others.
const (
	execute fs.FileMode = 1
	read    fs.FileMode = 4
)

// pathError says why a path leads nowhere. It is about the container's files, not about reading them.
type pathError struct {
	path string
	why  string
	err  error // fs.ErrNotExist, or nil
}

func (e *pathError) Error() string { return e.path + " " + e.why }
func (e *pathError) Unwrap() error { return e.err }

// hiddenError says that a path is in a directory whose files cannot be seen.
type hiddenError struct{ dir string }

func (e *hiddenError) Error() string {
	return fmt.Sprintf("%s is mounted when the container starts; its files cannot be seen from here", e.dir)
}

// isAbout reports whether an error is about the container's files. Others end the check.
func isAbout(err error) bool {
	_, wrong := errors.AsType[*pathError](err)
	_, hidden := errors.AsType[*hiddenError](err)
	return wrong || hidden || errors.Is(err, fs.ErrNotExist) || isUnreadable(err)
}

// resolve follows an absolute path and its links. They lead nowhere outside of the container's root.
func (t *tree) resolve(name string) (found, error) {
	at := found{path: "/", mode: fs.ModeDir | 0o755}
	rest := strings.Split(name, "/")
	links := 0
	for n := 0; len(rest) > 0; n++ {
		if n > maxComponents {
			return at, &pathError{name, "is too long", nil}
		}
		component := rest[0]
		rest = rest[1:]
		switch component {
		case "", ".":
			continue
		}
		if !at.mode.IsDir() {
			return at, &pathError{at.path, "is not a directory", fs.ErrNotExist}
		}
		if component == ".." {
			at.path = path.Dir(at.path)
			continue
		}
		next, target, err := t.step(at, component)
		if err != nil {
			return next, err
		}
		if next.mode.Type() != fs.ModeSymlink {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return at, &pathError{name, "is a loop of links", nil}
		}
		if path.IsAbs(target) {
			at.path = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	if strings.HasSuffix(name, "/") && !at.mode.IsDir() {
		return at, &pathError{at.path, "is not a directory", fs.ErrNotExist}
	}
	return at, nil
}

// step goes from a directory to what is in it. If that is a link, target is where it leads.
func (t *tree) step(at found, component string) (next found, target string, err error) {
	next = found{path: path.Join(at.path, component), blocked: at.blocked}
	if at.path != "/" && at.blocked == "" { // everybody may enter the root, or nothing would start
		may, err := t.may(at, execute)
		if err != nil {
			return next, "", err
		}
		if !may {
			next.blocked = at.path
		}
	}
	if slices.Contains(t.hidden, next.path) {
		return next, "", &hiddenError{next.path}
	}
	if next.mode, next.size, err = t.files.Lstat(t.ctx, next.path); errors.Is(err, fs.ErrNotExist) {
		return next, "", &pathError{next.path, "does not exist", fs.ErrNotExist}
	}
	if err == nil && next.mode.Type() == fs.ModeSymlink {
		target, err = t.files.Readlink(t.ctx, next.path)
		if err == nil && target == "" {
			err = &pathError{next.path, "is a link without a target", fs.ErrNotExist}
		}
	}
	return next, target, err
}

// may reports whether the user has a permission for a file, by its mode. Access control lists are not seen.
func (t *tree) may(f found, permission fs.FileMode) (bool, error) {
	bits := f.mode.Perm()
	all := permission | permission<<3 | permission<<6
	switch {
	case t.who.uid == 0 && t.who.overrides:
		return f.mode.IsDir() || permission != execute || bits&all != 0, nil
	case bits&all == all:
		return true, nil
	case bits&all == 0:
		return false, nil
	}
	uid, gid, err := t.files.Owner(t.ctx, f.path)
	if err != nil {
		return false, err
	}
	switch {
	case uid == t.who.uid:
		return bits&(permission<<6) != 0, nil
	case slices.Contains(t.who.gids, gid):
		return bits&(permission<<3) != 0, nil
	}
	return bits&permission != 0, nil
}
