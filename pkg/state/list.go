package state

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"
)

// List lists the records of a kind, whether or not a process holds them.
func (d Dir) List(kind Kind) ([]Entry, error) {
	var list []Entry
	err := d.each(kind, os.O_RDONLY, func(_ *os.Root, _ string, f *os.File) bool {
		if e, err := read(f); err == nil {
			list = append(list, e)
		}
		return false
	})
	return list, err
}

// Touch notes that a thing is used, if it has a record that has not been touched for the time often.
func (d Dir) Touch(kind Kind, name string, often time.Duration) {
	root, err := d.open(false)
	if err != nil {
		return
	}
	defer root.Close()
	path, now := string(kind)+separator+name, time.Now()
	if info, err := root.Lstat(path); err == nil && info.Mode().IsRegular() && now.Sub(info.ModTime()) > often {
		_ = root.Chtimes(path, now, now)
	}
}

// Abandoned takes over the wanted records of a kind whose process has died. This process holds them from now
// on, so that no two processes clean up the same thing.
func (d Dir) Abandoned(kind Kind, wanted func(Entry) bool) ([]*Record, error) {
	var list []*Record
	err := d.each(kind, os.O_RDWR, func(root *os.Root, path string, f *os.File) bool {
		if e, err := read(f); err == nil && !wanted(e) {
			return false // without a lock: another call may want it
		}
		if !tryLock(f) || !isStillAt(root, path, f) {
			return false
		}
		e, err := read(f)
		if err != nil {
			_ = root.Remove(path) // its process died before it had written the record
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

// each calls use with each record of a kind that can be opened. The record stays open if use returns true.
func (d Dir) each(kind Kind, how int, use func(root *os.Root, path string, f *os.File) bool) error {
	root, err := d.open(false)
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
			continue // it was removed meanwhile
		}
		if !use(root, e.Name(), f) {
			f.Close()
		}
	}
	return nil
}
