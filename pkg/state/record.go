package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Kind is a kind of thing that a client starts and that may outlive it.
type Kind string

// Helper is a helper's container.
const Helper Kind = "helper"

// Entry is what a record says.
type Entry struct {
	// Name is the thing's name, which nothing else of the kind has.
	Name string `json:"name"`
	// ID is what the engine calls it; "" as long as the engine has not said so.
	ID string `json:"id,omitempty"`
	// Endpoint is the engine's, and Context the user's name for it.
	Endpoint string    `json:"endpoint"`
	Context  string    `json:"context"`
	Began    time.Time `json:"began"`
}

// Record is a thing on record, held by this process: no other process takes the thing for
// abandoned before this one has died or called Leave. On a nil Record all methods do
// nothing.
type Record struct {
	Entry
	root *os.Root
	file *os.File
	path string // in root
}

// Add records a thing before it is started, on the disk, so that the record is there
// whatever happens next.
func (p Place) Add(kind Kind, e Entry) (*Record, error) {
	root, err := p.open(true)
	if err != nil {
		return nil, err
	}
	r := &Record{Entry: e, root: root, path: string(kind) + separator + e.Name}
	if r.file, err = create(root, r.path); err == nil {
		err = json.NewEncoder(r.file).Encode(e)
		if err == nil {
			err = r.file.Sync()
		}
		if err != nil {
			r.Done()
		}
	} else {
		root.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("record in %s: %w", root.Name(), bare(err))
	}
	return r, nil
}

// separator is between a kind and a name.
const separator = "."

// create makes a file and locks it. Between the two steps another process can take it for
// that of a dead one and remove it.
func create(root *os.Root, path string) (*os.File, error) {
	const attempts = 10
	for range attempts {
		f, err := root.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, err
		}
		if err := lock(f); err != nil {
			f.Close()
			_ = root.Remove(path)
			return nil, err
		}
		if isAt(root, path, f) {
			return f, nil
		}
		f.Close()
	}
	return nil, errors.New("others remove it")
}

// isAt tells whether an open file still has its path.
func isAt(root *os.Root, path string, f *os.File) bool {
	at, err := root.Lstat(path)
	if err != nil {
		return false
	}
	opened, err := f.Stat()
	return err == nil && os.SameFile(at, opened)
}

// Made adds the ID that the engine gave. It need not reach the disk, nor the file: the
// name will do to find the thing.
func (r *Record) Made(id string) {
	if r == nil {
		return
	}
	r.ID = id
	_ = json.NewEncoder(r.file).Encode(r.Entry)
}

// Done removes the record of a thing that is gone.
func (r *Record) Done() {
	if r == nil {
		return
	}
	err := r.root.Remove(r.path)
	r.file.Close()
	if err != nil { // Windows removes no file that is open
		_ = r.root.Remove(r.path)
	}
	r.root.Close()
}

// Leave keeps the record of a thing that may still be there, for another call to end it.
func (r *Record) Leave() {
	if r == nil {
		return
	}
	r.file.Close()
	r.root.Close()
}

// read is what the last whole line of a record says. It has one when the thing has a name,
// and another when it has an ID.
func read(f *os.File) (Entry, error) {
	const most = 64 << 10
	var last Entry
	lines := json.NewDecoder(io.NewSectionReader(f, 0, most))
	for {
		var e Entry
		if err := lines.Decode(&e); err != nil {
			break
		}
		last = e
	}
	if last.Name == "" {
		return last, errors.New("it has no name")
	}
	return last, nil
}
