// Package state keeps records of what a client has started and what may still exist after the client has died. The
// records are in one directory, which belongs to the user and which nobody else may enter.
package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Dir is the user's state directory. Nothing is opened or created before it is needed.
type Dir struct {
	// Config is the Docker CLI's configuration directory. It is the last choice of a parent.
	Config string

	lasting bool
	only    *parent // if not nil, the only parent
}

// Lasting returns the directory for records that must outlive a reboot. d has the records of things that don't.
func (d Dir) Lasting() Dir { return Dir{Config: d.Config, lasting: true} }

// name is the state directory's name.
const name = "docker-nsjoin"

// parent is a directory that the state directory may be in.
type parent struct {
	path string
	fits func(dir *os.File) error // returns why the directory is not suitable
	made bool                     // create it if it does not exist
}

// open opens the state directory in the first suitable parent, and tries no other parent: a directory of that name
// that another user made or that others may enter is an error. A missing directory is made if create is set, else
// the error is fs.ErrNotExist.
func (d Dir) open(create bool) (*os.Root, error) {
	var rejected []error
	for _, candidate := range d.parents() {
		dir, err := candidate.open(create)
		if err == nil {
			var found *os.Root
			found, err = openPrivate(dir, create)
			dir.Close()
			if refused, ok := errors.AsType[*refusal](err); ok {
				return nil, fmt.Errorf("state directory %s: %w", filepath.Join(candidate.path, name), refused.why)
			}
			if err == nil {
				return found, nil
			}
		}
		rejected = append(rejected, fmt.Errorf("not in %s: %w", candidate.path, err))
	}
	return nil, fmt.Errorf("no directory for the user's state: %w", joinErrors(rejected))
}

// open opens the parent if it is suitable.
func (p parent) open(create bool) (*os.Root, error) {
	if create && p.made {
		if err := os.MkdirAll(p.path, 0o700); err != nil {
			return nil, withoutPath(err)
		}
	}
	dir, err := os.OpenRoot(p.path)
	if err != nil {
		return nil, withoutPath(err)
	}
	if err := checkDir(dir, p.fits); err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

// refusal is why a directory of the right name is not used.
type refusal struct{ why error }

func (r *refusal) Error() string { return r.why.Error() }

// openPrivate opens the state directory in a parent, and refuses one that is not the user's alone.
func openPrivate(dir *os.Root, create bool) (*os.Root, error) {
	if create {
		if err := dir.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, withoutPath(err)
		}
	}
	named, err := dir.Lstat(name)
	if err != nil {
		return nil, withoutPath(err)
	}
	if !named.IsDir() {
		return nil, &refusal{errors.New("it is not a directory")} // it may be a symbolic link
	}
	found, err := dir.OpenRoot(name)
	if err != nil {
		return nil, &refusal{withoutPath(err)}
	}
	if opened, err := found.Stat("."); err != nil || !os.SameFile(named, opened) {
		found.Close()
		return nil, &refusal{errors.New("it was replaced while it was opened")}
	}
	if err := checkDir(found, exclusive); err != nil {
		found.Close()
		return nil, &refusal{err}
	}
	return found, nil
}

// checkDir checks the directory that was opened, whatever its path leads to now.
func checkDir(dir *os.Root, fits func(*os.File) error) error {
	opened, err := dir.Open(".")
	if err != nil {
		return withoutPath(err)
	}
	defer opened.Close()
	return fits(opened)
}

// withoutPath returns err without its path, which the caller adds.
func withoutPath(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return failed.Err
	}
	return err
}

// joinErrors joins several errors into one line.
func joinErrors(list []error) error {
	switch len(list) {
	case 0:
		return errors.New("the system names no directory of the user's")
	case 1:
		return list[0]
	}
	return fmt.Errorf("%w; %w", list[0], joinErrors(list[1:]))
}
