package walk

import (
	"errors"

	"golang.org/x/sys/unix"
)

// opened is how many directories below each other are open at the same time. Those further above are opened again by
// "..", on the way back.
const opened = 16

var (
	// ErrMoved is the error of a directory that is no longer where it was opened.
	ErrMoved = errors.New("it was moved meanwhile")
	// ErrLoop is the error of a directory that is in itself, through a link or a mount.
	ErrLoop = errors.New("a loop: the directory is one of those above it")
)

// ID is what identifies a file.
type ID struct{ device, inode uint64 }

// Identity returns the file's ID.
func Identity(s *unix.Stat_t) ID {
	return ID{uint64(s.Dev), s.Ino} //nolint:unconvert // other types on other architectures
}

// SameDevice reports whether two files are on the same file system.
func (id ID) SameDevice(other ID) bool { return id.device == other.device }

// Dir is an open directory. Only the deepest of those that are open may be used.
type Dir struct {
	entry Entry // that was opened
	fd    int   // -1 while it is closed
	id    ID
	link  bool // a link led to it, and its ".." leads elsewhere
}

// BeforeOpen is called before a directory is opened. Tests set it, to swap the directory at that moment.
var BeforeOpen func(Entry)

// OpenDir opens a directory. Without follow, the entry must not be a link.
func (e Entry) OpenDir(follow bool) (*Dir, error) {
	if BeforeOpen != nil {
		BeforeOpen(e)
	}
	flags := unix.O_RDONLY | unix.O_DIRECTORY
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := e.open(flags, 0)
	if err != nil {
		return nil, e.Failed("open", err)
	}
	d := &Dir{entry: e, fd: fd, link: follow}
	s, err := d.Stat()
	if err != nil {
		d.shut()
		return nil, err
	}
	d.id = Identity(&s)
	d.spare()
	return d, nil
}

// spare closes the directory that is too far above.
func (d *Dir) spare() {
	below, far := d, d.entry.Dir
	for range opened {
		if far == nil {
			return
		}
		below, far = far, far.entry.Dir
	}
	if far != nil && !below.link {
		far.shut()
	}
}

func (d *Dir) shut() {
	if d.fd >= 0 {
		_ = unix.Close(d.fd)
	}
	d.fd = -1
}

// Close closes the directory. Its error is ErrMoved, or another one, if the directory above is closed and can't be opened
// again; nothing can be done there then.
func (d *Dir) Close() error {
	defer d.shut()
	up := d.entry.Dir
	if up == nil || up.fd >= 0 {
		return nil
	}
	fd, err := d.Entry("..").open(unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return up.entry.Failed("open", err)
	}
	up.fd = fd
	s, err := up.Stat()
	if err == nil && Identity(&s) != up.id {
		err = d.entry.Failed("open", ErrMoved)
	}
	if err != nil {
		up.shut()
	}
	return err
}

// shutAll closes the directory and those above it.
func (d *Dir) shutAll() {
	for ; d != nil; d = d.entry.Dir {
		d.shut()
	}
}

// Stat describes the directory.
func (d *Dir) Stat() (s unix.Stat_t, err error) {
	return s, d.entry.Failed("stat", unix.Fstat(d.fd, &s))
}

// ID returns the directory's ID.
func (d *Dir) ID() ID { return d.id }

// Entry returns what is in the directory by a name.
func (d *Dir) Entry(name string) Entry { return Entry{d, name} }

// Loop reports whether the directory is one of those above it.
func (d *Dir) Loop() bool {
	for up := d.entry.Dir; up != nil; up = up.entry.Dir {
		if up.id == d.id {
			return true
		}
	}
	return false
}

// Chdir makes the directory the working directory.
func (d *Dir) Chdir() error { return d.entry.Failed("chdir", unix.Fchdir(d.fd)) }

// Names returns the names in the directory, as they are stored. It can be called once.
func (d *Dir) Names() (names []string, err error) {
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.ReadDirent(d.fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n <= 0 {
			return names, d.entry.Failed("read", err)
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}
