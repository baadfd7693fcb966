// Package listing has the toolbox's ls.
package listing

import (
	"bufio"
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/quote"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/units"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// listing is a call of ls.
type listing struct {
	all, almost, long, numeric, recursive, reverse, directory        bool
	inode, classify, slash, byTime, bySize, byExtension, unsorted    bool
	oneLine, noOwner, noGroup, blocks, follow, atime, ctime, fullISO bool
	columns, across, commas, byVersion, followArguments, types       bool
	color, directoriesFirst, noBackups, withoutGroup                 bool

	out             *bufio.Writer
	timeStyle       string
	style           string // how names are quoted
	ignore          []string
	hide            []string // as ignore, unless -a or -A is given
	units           units.Format
	width, tabs     int
	end             string // of a line
	padded          bool   // some names have quotes
	titles, between bool   // print names of directories, and an empty line before the next one
	serious         int    // the status for an error
	status          int
}

// file is an entry to print.
type file struct {
	name      string
	entry     walk.Entry
	stat      unix.Stat_t
	target    string // of a symbolic link
	broken    bool   // the target does not exist
	directory bool   // it is one, or a link to one
}

// Ls lists files.
func Ls(args []string) int {
	l := &listing{}
	f := tool.Flags("ls", "[OPTIONS] [FILE...]")
	choices := l.flags(f)
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if err := l.choose(choices); err != nil {
		return tool.Complain("ls", err)
	}
	out, flush := tool.Output()
	defer flush()
	l.out = out
	l.arguments(f.Args())
	return l.status
}

// Long prints an entry as ls -dils does, with the path as its name. One that can't be read is left out.
func Long(out *bufio.Writer, path string, entry walk.Entry) {
	l := &listing{long: true, inode: true, blocks: true, out: out, style: "escape", end: "\n"}
	if e, err := l.stat(path, entry, false); err == nil {
		l.print([]file{e})
	}
}

// fail reports an error.
func (l *listing) fail(err error) {
	_ = l.out.Flush()
	tool.Complain("ls", err)
	l.status = max(l.status, l.serious)
}

func (l *listing) arguments(args []string) {
	if len(args) == 0 {
		args = []string{"."}
	}
	l.serious = 2
	var plain, directories []file
	for _, arg := range args {
		e, err := l.stat(arg, walk.Argument(arg), true)
		if err != nil {
			l.fail(err)
			continue
		}
		if walk.Kind(&e.stat) == unix.S_IFDIR && !l.directory {
			directories = append(directories, e)
		} else {
			plain = append(plain, e)
		}
	}
	l.print(l.sort(plain))
	l.titles, l.between = len(args) > 1 || l.recursive, len(plain) > 0
	w := walk.Walk{Links: l.follow, Arguments: true, Fail: l.fail, List: l.list, Enter: func(*walk.File) error { return nil }}
	for _, d := range l.sort(directories) {
		l.serious = 2
		w.Through(d.entry)
	}
}

// stat returns an entry. An argument that is a link is followed, unless the link itself is to be shown.
func (l *listing) stat(name string, entry walk.Entry, argument bool) (file, error) {
	e := file{name: name, entry: entry}
	var err error
	if e.stat, err = entry.Stat(false); err != nil {
		return e, err
	}
	if walk.Kind(&e.stat) != unix.S_IFLNK {
		e.directory = walk.Kind(&e.stat) == unix.S_IFDIR
		return e, nil
	}
	target, err := entry.Stat(true)
	e.directory = err == nil && walk.Kind(&target) == unix.S_IFDIR
	if err == nil && (l.follow || argument && (l.followArguments || !l.long && !l.directory && !l.classify && e.directory)) {
		e.stat = target
		return e, nil
	}
	e.target, _ = entry.Readlink()
	e.broken = err != nil
	return e, nil
}

// list prints a directory, and returns the names of the directories in it that are to be listed too.
func (l *listing) list(f *walk.File, d *walk.Dir, names []string) []string {
	l.serious = 1 // what is beneath an argument is less serious
	if l.between {
		l.out.WriteByte('\n')
	}
	l.between = true
	if l.titles {
		l.out.WriteString(quote.Name(f.Path(), l.style) + ":\n")
	}
	if l.all && !l.almost {
		names = append(names, ".", "..")
	}
	var entries []file
	blocks := int64(0)
	for _, name := range names {
		if l.hidden(name) {
			continue
		}
		e, err := l.stat(name, d.Entry(name), false)
		if err != nil {
			l.fail(err)
			continue
		}
		blocks += e.stat.Blocks
		entries = append(entries, e)
	}
	if l.long || l.blocks {
		fmt.Fprintf(l.out, "total %s%s", l.units.Show(uint64(blocks)*512, 1024), l.end)
	}
	entries = l.sort(entries)
	l.print(entries)
	var below []string
	for _, e := range entries {
		if l.recursive && walk.Kind(&e.stat) == unix.S_IFDIR && e.name != "." && e.name != ".." {
			below = append(below, e.name)
		}
	}
	return below
}

func (l *listing) time(s *unix.Stat_t) time.Time {
	t := s.Mtim
	switch {
	case l.atime:
		t = s.Atim
	case l.ctime:
		t = s.Ctim
	}
	return time.Unix(t.Unix())
}

func (l *listing) sort(entries []file) []file {
	if l.unsorted {
		return entries
	}
	slices.SortFunc(entries, func(a, b file) int {
		if l.directoriesFirst && a.directory != b.directory {
			if a.directory {
				return -1
			}
			return 1
		}
		c := 0
		switch {
		case l.byVersion:
			c = tool.CompareVersions(a.name, b.name)
		case l.byTime:
			c = l.time(&b.stat).Compare(l.time(&a.stat))
		case l.bySize:
			c = cmp.Compare(b.stat.Size, a.stat.Size)
		case l.byExtension:
			c = cmp.Compare(filepath.Ext(a.name), filepath.Ext(b.name))
		}
		if c = cmp.Or(c, cmp.Compare(a.name, b.name)); l.reverse {
			return -c
		}
		return c
	})
	return entries
}
