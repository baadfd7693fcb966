package state

import (
	"errors"
	"io/fs"
	"os"
	"strings"
)

// List is what is on record of a kind, held by whatever process or by none.
func (p Place) List(kind Kind) ([]Entry, error) {
	var list []Entry
	err := p.each(kind, os.O_RDONLY, func(_ *os.Root, _ string, f *os.File) bool {
		if e, err := read(f); err == nil {
			list = append(list, e)
		}
		return false
	})
	return list, err
}

// Abandoned are those things of a kind whose process has died, and that are wanted. Each
// is held by this process from now on, so that two never end the same.
func (p Place) Abandoned(kind Kind, wanted func(Entry) bool) ([]*Record, error) {
	var list []*Record
	err := p.each(kind, os.O_RDWR, func(root *os.Root, path string, f *os.File) bool {
		if !tryLock(f) || !isAt(root, path, f) {
			return false
		}
		e, err := read(f)
		if err != nil {
			_ = root.Remove(path) // it died before it began
			return false
		}
		if !wanted(e) {
			return false
		}
		own, err := root.OpenRoot(".")
		if err != nil {
			return false
		}
		list = append(list, &Record{Entry: e, root: own, file: f, path: path})
		return true
	})
	return list, err
}

// each opens the records of a kind, as far as they can be opened. One that use returns
// true for stays open.
func (p Place) each(kind Kind, how int, use func(root *os.Root, path string, f *os.File) bool) error {
	root, err := p.open(false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), string(kind)+separator) {
			continue
		}
		f, err := root.OpenFile(e.Name(), how, 0)
		if err != nil {
			continue // it is gone meanwhile
		}
		if !use(root, e.Name(), f) {
			f.Close()
		}
	}
	return nil
}
