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

// The kinds.
const (
	Helper Kind = "helper" // a helper's container
	Image  Kind = "image"  // an image that the user loaded, which outlives a reboot: see Lasting
	Kept   Kind = "kept"   // a helper's container that stays for later calls
	// Loading is an image that this user loads into an engine at this moment.
	Loading Kind = "loading"
	// Snapshot is an image of a container's changes, made to run a command in them, which outlives a reboot: see Lasting.
	Snapshot Kind = "snapshot"
	// Scratch is a container that is made of an image to read its files, and never started.
	Scratch Kind = "scratch"
	// Forward is a process that forwards ports; see Record.Listen.
	Forward Kind = "forward"
	// Mount is a process that mounts again after each start of a container; see Record.Listen.
	Mount Kind = "mount"
)

// Entry is the content of a record.
type Entry struct {
	// Name is the thing's name, unique in its kind.
	Name string `json:"name"`
	// ID is the engine's ID of it; "" until the engine has returned it.
	ID string `json:"id,omitempty"`
	// OtherID is another ID that it may have, depending on the engine; "" for none.
	OtherID string `json:"otherID,omitempty"`
	// Endpoint is the engine's endpoint, and Context the name of the Docker context.
	Endpoint string    `json:"endpoint"`
	Context  string    `json:"context"`
	Began    time.Time `json:"began"`
	// Image, Arch and Caps say what a container that is kept was made with: its image's ID and
	// architecture, and its capabilities. Its engine is rootless, or cannot grant all capabilities.
	Image    string   `json:"image,omitempty"`
	Arch     string   `json:"arch,omitempty"`
	Caps     []string `json:"caps,omitempty"`
	Rootless bool     `json:"rootless,omitempty"`
	Capped   bool     `json:"capped,omitempty"`
	// PID is the process of a call that forwards; 0 if it is not known.
	PID int `json:"pid,omitempty"`
	// Sockets are the paths of the UNIX sockets on this machine that a forward has made.
	Sockets []string `json:"sockets,omitempty"`
	// Keeps is what a call with mount --keep says of itself before it has mounted, for the calls that it does not answer.
	Keeps json.RawMessage `json:"keeps,omitempty"`
	// Used is when the record was last written or touched.
	Used time.Time `json:"-"`
}

// Record is the record of a thing, held by this process: until this process dies or calls Release, no other
// process regards the thing as abandoned. The methods of a nil Record do nothing.
type Record struct {
	Entry
	root *os.Root
	file *os.File
	path string // in root
}

// Add writes the record of a thing to the disk, before the thing is started, so that the record exists whatever
// happens next.
func (d Dir) Add(kind Kind, e Entry) (*Record, error) {
	root, err := d.open(true)
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
			r.Remove()
		}
	} else {
		root.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("record in %s: %w", root.Name(), withoutPath(err))
	}
	return r, nil
}

// separator separates kind and name.
const separator = "."

// create creates a file and locks it. In between, another process can take it for a dead process's record and
// remove it; then create tries again.
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
		if isStillAt(root, path, f) {
			return f, nil
		}
		f.Close()
	}
	return nil, errors.New("other processes keep removing it")
}

// isStillAt reports whether an open file still has its path.
func isStillAt(root *os.Root, path string, f *os.File) bool {
	at, err := root.Lstat(path)
	if err != nil {
		return false
	}
	opened, err := f.Stat()
	return err == nil && os.SameFile(at, opened)
}

// SetID adds the ID that the engine gave. Losing it does no harm: the name is enough to find the thing.
func (r *Record) SetID(id string) {
	if r == nil {
		return
	}
	r.ID = id
	_ = json.NewEncoder(r.file).Encode(r.Entry)
}

// Remove removes the record of a thing that no longer exists.
func (r *Record) Remove() {
	if r == nil {
		return
	}
	_ = r.root.Remove(r.path + socketSuffix) // most records have none
	err := r.root.Remove(r.path)
	r.file.Close()
	if err != nil { // Windows removes no open file
		_ = r.root.Remove(r.path)
	}
	r.root.Close()
}

// Release keeps the record of a thing that may still exist, for another call to clean up.
func (r *Record) Release() {
	if r == nil {
		return
	}
	r.file.Close()
	r.root.Close()
}

// read returns the last complete line of a record. A record has one line when the thing is named, and another
// when it has an ID.
func read(f *os.File) (Entry, error) {
	const limit = 64 << 10
	var last Entry
	lines := json.NewDecoder(io.NewSectionReader(f, 0, limit))
	for {
		var e Entry
		if err := lines.Decode(&e); err != nil {
			break
		}
		last = e
	}
	if last.Name == "" {
		return last, errors.New("the record has no name")
	}
	info, err := f.Stat()
	if err != nil {
		return last, withoutPath(err)
	}
	last.Used = info.ModTime()
	return last, nil
}
