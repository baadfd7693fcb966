// Package state keeps what must outlive a call of the client, in one directory of the
// user's: records of what the client started and what may still be there when the client
// is dead. The directory belongs to the user, and nobody else may enter it.
package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Place is the user's directory. Nothing is opened or made before it is needed.
type Place struct {
	// Config is the Docker CLI's configuration directory, which is the last choice.
	Config string
}

// name is that of the directory.
const name = "docker-nsjoin"

// parent is a directory that the user's directory may be in.
type parent struct {
	path string
	fits func(dir *os.File) error // why it does not fit
	made bool                     // it is made if it does not exist
}

// open opens the user's directory in the first of the parents that fits. There is no
// choice after that: a directory of the right name that another user made, or that
// others may enter, is an error. If it does not exist it is made if making is set; else the
// error is fs.ErrNotExist.
func (p Place) open(making bool) (*os.Root, error) {
	var unfit []error
	for _, candidate := range p.parents() {
		dir, err := candidate.open(making)
		if err == nil {
			var found *os.Root
			found, err = private(dir, making)
			dir.Close()
			if refused, ok := errors.AsType[*refusal](err); ok {
				return nil, fmt.Errorf("state directory %s: %w", filepath.Join(candidate.path, name), refused.why)
			}
			if err == nil {
				return found, nil
			}
		}
		unfit = append(unfit, fmt.Errorf("not in %s: %w", candidate.path, err))
	}
	return nil, fmt.Errorf("no directory for state: %w", joined(unfit))
}

// open opens a parent that fits.
func (p parent) open(making bool) (*os.Root, error) {
	if making && p.made {
		if err := os.MkdirAll(p.path, 0o700); err != nil {
			return nil, bare(err)
		}
	}
	dir, err := os.OpenRoot(p.path)
	if err != nil {
		return nil, bare(err)
	}
	if err := checked(dir, p.fits); err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

// refusal is why a directory of the right name is not used.
type refusal struct{ why error }

func (r *refusal) Error() string { return r.why.Error() }

// private opens the user's directory in a parent, and refuses any other.
func private(dir *os.Root, making bool) (*os.Root, error) {
	if making {
		if err := dir.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, bare(err)
		}
	}
	named, err := dir.Lstat(name)
	if err != nil {
		return nil, bare(err)
	}
	if !named.IsDir() {
		return nil, &refusal{errors.New("it is no directory")} // but a symbolic link, maybe
	}
	found, err := dir.OpenRoot(name)
	if err != nil {
		return nil, &refusal{bare(err)}
	}
	if opened, err := found.Stat("."); err != nil || !os.SameFile(named, opened) {
		found.Close()
		return nil, &refusal{errors.New("it is replaced while it is opened")}
	}
	if err := checked(found, onlyOurs); err != nil {
		found.Close()
		return nil, &refusal{err}
	}
	return found, nil
}

// checked asks about the directory that was opened, whatever its path leads to now.
func checked(dir *os.Root, fits func(*os.File) error) error {
	opened, err := dir.Open(".")
	if err != nil {
		return bare(err)
	}
	defer opened.Close()
	return fits(opened)
}

// bare is an error without the path, which the caller names.
func bare(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return failed.Err
	}
	return err
}

// joined is several errors in one line.
func joined(list []error) error {
	switch len(list) {
	case 0:
		return errors.New("this system names none of the user's")
	case 1:
		return list[0]
	}
	return fmt.Errorf("%w; %w", list[0], joined(list[1:]))
}
