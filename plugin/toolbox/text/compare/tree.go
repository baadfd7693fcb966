package compare

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// side is one of two files that are compared.
type side struct {
	walk.Entry
	stat unix.Stat_t
	link bool // the name is a link
	err  error
}

// look describes a file. As in GNU's diff, what links lead to is compared.
func look(e walk.Entry) *side {
	s := &side{Entry: e}
	if s.stat, s.err = e.Stat(false); s.err == nil && walk.Kind(&s.stat) == unix.S_IFLNK {
		s.link = true
		s.stat, s.err = e.Stat(true)
	}
	return s
}

func (s *side) directory() bool { return s.err == nil && walk.Kind(&s.stat) == unix.S_IFDIR }

func (s *side) missing() bool { return errors.Is(s.err, fs.ErrNotExist) && !s.link }

// changed returns the time of the last change, for the unified format.
func (s *side) changed() string {
	if s.Name == "-" && s.Dir == nil {
		return ""
	}
	return "\t" + time.Unix(s.stat.Mtim.Unix()).Format("2006-01-02 15:04:05.000000000 -0700")
}

func (s *side) kind() string {
	switch walk.Kind(&s.stat) {
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFIFO:
		return "fifo"
	case unix.S_IFSOCK:
		return "socket"
	case unix.S_IFCHR:
		return "character special file"
	case unix.S_IFBLK:
		return "block special file"
	}
	return "regular file"
}

// arguments compares two files or directories, or a file with that of its name in a directory.
func (d *diff) arguments(aPath, bPath string) {
	a, b := look(walk.Argument(aPath)), look(walk.Argument(bPath))
	switch {
	case a.directory() && b.directory():
		d.directories(a, b)
		return
	case a.directory():
		a = look(walk.Argument(filepath.Join(aPath, filepath.Base(bPath))))
	case b.directory():
		b = look(walk.Argument(filepath.Join(bPath, filepath.Base(aPath))))
	}
	open := func(s *side) (*os.File, error) {
		if s.Name == "-" {
			return tool.Open("/dev/stdin")
		}
		return tool.Open(s.Name)
	}
	d.files(a, b, "", open)
}

// files compares two files.
func (d *diff) files(a, b *side, title string, open func(*side) (*os.File, error)) {
	aText, err := d.read(a, open)
	if err == nil {
		var bText []byte
		if bText, err = d.read(b, open); err == nil {
			d.texts(a, b, aText, bText, title)
			return
		}
	}
	d.fail(err)
}

func (d *diff) read(s *side, open func(*side) (*os.File, error)) ([]byte, error) {
	if d.newFile && s.missing() {
		return nil, nil
	}
	file, err := open(s)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return tool.ReadAll(file)
}

// below compares two files in directories. What is no file is not read: a FIFO would be waited for.
func (d *diff) below(a, b *side) {
	failed := false
	for _, s := range []*side{a, b} {
		if s.err != nil && (!d.newFile || !s.missing()) {
			d.fail(s.err)
			failed = true
		}
	}
	switch {
	case failed:
	case (a.directory() || a.missing()) && (b.directory() || b.missing()):
		if d.recursive {
			d.directories(a, b)
		} else {
			fmt.Fprintf(d.out, "Common subdirectories: %s and %s\n", a.Quoted(), b.Quoted())
		}
	case a.kind() != "regular file" || b.kind() != "regular file":
		d.differ = true
		fmt.Fprintf(d.out, "File %s is a %s while file %s is a %s\n", a.Quoted(), a.kind(), b.Quoted(), b.kind())
	default:
		title := fmt.Sprintf("%s%s %s\n", d.title, a.Quoted(), b.Quoted())
		d.files(a, b, title, func(s *side) (*os.File, error) { return s.Regular(s.link) })
	}
}

// directories compares two directories. One that is missing is empty.
func (d *diff) directories(a, b *side) {
	aDir, aNames, err := open(a)
	if err != nil {
		d.fail(err)
		return
	}
	defer d.leave(aDir)
	bDir, bNames, err := open(b)
	if err != nil {
		d.fail(err)
		return
	}
	defer d.leave(bDir)
	for len(aNames) > 0 || len(bNames) > 0 {
		order := 0
		switch {
		case len(bNames) == 0:
			order = -1
		case len(aNames) == 0:
			order = 1
		default:
			order = cmp.Compare(aNames[0], bNames[0])
		}
		name := ""
		if order >= 0 {
			name, bNames = bNames[0], bNames[1:]
		}
		if order <= 0 {
			name, aNames = aNames[0], aNames[1:]
		}
		if d.lost {
			return
		}
		if order == 0 || d.newFile {
			d.below(inside(aDir, a, name), inside(bDir, b, name))
			continue
		}
		d.differ = true
		only := a
		if order > 0 {
			only = b
		}
		fmt.Fprintf(d.out, "Only in %s: %s\n", only.Quoted(), tool.Printable(name))
	}
}

// open opens a directory and reads it.
func open(s *side) (*walk.Dir, []string, error) {
	if s.missing() {
		return nil, nil, nil
	}
	dir, err := s.OpenDir(s.link)
	if err != nil {
		return nil, nil, err
	}
	names, err := dir.Names()
	if err == nil && dir.Loop() {
		err = s.Failed("open", walk.ErrLoop)
	}
	if err != nil {
		_ = dir.Close()
		return nil, nil, err
	}
	slices.Sort(names)
	return dir, names, nil
}

// inside returns what is in a directory by a name.
func inside(dir *walk.Dir, of *side, name string) *side {
	if dir != nil {
		return look(dir.Entry(name))
	}
	e := walk.Argument(of.Path() + "/" + name)
	return &side{Entry: e, err: e.Failed("stat", fs.ErrNotExist)}
}

// leave closes a directory. If it was moved, nothing more can be compared.
func (d *diff) leave(dir *walk.Dir) {
	if dir == nil || d.lost {
		return
	}
	if err := dir.Close(); err != nil {
		d.fail(err)
		d.lost = true
	}
}
