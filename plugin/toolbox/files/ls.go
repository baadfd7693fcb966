// Package files has the toolbox's own tools for files.
package files

import (
	"bufio"
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// listing is a call of ls.
type listing struct {
	all, almost, long, numeric, human, recursive, reverse, directory bool
	inode, classify, slash, byTime, bySize, byExtension, unsorted    bool
	oneLine, noOwner, noGroup, blocks, follow, atime, ctime, fullISO bool
	columns                                                          bool
	color                                                            bool

	out              *bufio.Writer
	directoriesFirst bool
	timeStyle        string
	ignore           []string
	titles, between  bool // print names of directories, and an empty line before the next one
	serious          int  // the status for an error
	status           int
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
	f.BoolVarP(&l.all, "all", "a", false, "entries that begin with a dot too")
	f.BoolVarP(&l.almost, "almost-all", "A", false, "as -a, without . and ..")
	f.BoolVarP(&l.long, "long", "l", false, "modes, owners, sizes and times")
	f.BoolVarP(&l.numeric, "numeric-uid-gid", "n", false, "as -l, with numbers of owners")
	f.BoolVarP(&l.noOwner, "no-owner", "g", false, "as -l, without the owner")
	f.BoolVarP(&l.noGroup, "no-group", "o", false, "as -l, without the group")
	f.BoolVarP(&l.human, "human-readable", "h", false, "sizes such as 2.0K")
	f.BoolVarP(&l.recursive, "recursive", "R", false, "directories too")
	f.BoolVarP(&l.reverse, "reverse", "r", false, "reverse the order")
	f.BoolVarP(&l.directory, "directory", "d", false, "directories themselves")
	f.BoolVarP(&l.inode, "inode", "i", false, "numbers of inodes")
	f.BoolVarP(&l.blocks, "size", "s", false, "sizes in blocks of 1024 bytes")
	f.BoolVarP(&l.classify, "classify", "F", false, "a mark of the kind after the name")
	f.BoolVarP(&l.slash, "slash", "p", false, "a slash after directories")
	f.BoolVarP(&l.byTime, "time-order", "t", false, "newest first")
	f.BoolVarP(&l.bySize, "size-order", "S", false, "largest first")
	f.BoolVarP(&l.byExtension, "extension-order", "X", false, "by extension")
	f.BoolVarP(&l.unsorted, "unsorted", "U", false, "as they are in the directory")
	f.BoolVarP(&l.oneLine, "one", "1", false, "a name a line")
	f.BoolVarP(&l.columns, "columns", "C", false, "names in columns")
	f.BoolVarP(&l.follow, "dereference", "L", false, "what links lead to")
	f.BoolVarP(&l.atime, "atime", "u", false, "the time of the last access")
	f.BoolVarP(&l.ctime, "ctime", "c", false, "the time of the last change of the inode")
	f.BoolVar(&l.fullISO, "full-time", false, "as -l, with full times")
	f.BoolP("literal", "N", false, "names without quotes (the default)")
	f.BoolP("hide-control-chars", "q", false, "? for control characters (the default)")
	f.BoolVar(&l.directoriesFirst, "group-directories-first", false, "directories before files")
	order := f.String("sort", "", "by none, time, size, extension or name")
	f.StringVar(&l.timeStyle, "time-style", "locale", "times as locale, iso, long-iso or full-iso has them, or +FORMAT")
	f.StringArrayVarP(&l.ignore, "ignore", "I", nil, "skip names that match")
	color := f.String("color", "never", "never, auto or always")
	f.Lookup("color").NoOptDefVal = "always"
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if err := l.sortedBy(*order); err != nil {
		return tool.Complain("ls", err)
	}
	l.long = l.long || l.numeric || l.noOwner || l.noGroup || l.fullISO
	l.color = *color == "always" || *color == "auto" && tool.Terminal()
	out, flush := tool.Output()
	defer flush()
	l.out = out
	l.arguments(f.Args())
	return l.status
}

// sortedBy takes the values of --sort and --time-style.
func (l *listing) sortedBy(order string) error {
	switch order {
	case "", "name":
	case "none":
		l.unsorted = true
	case "time":
		l.byTime = true
	case "size":
		l.bySize = true
	case "extension":
		l.byExtension = true
	default:
		return fmt.Errorf("unknown order %q", order)
	}
	if !strings.HasPrefix(l.timeStyle, "+") && !slices.Contains([]string{"locale", "iso", "long-iso", "full-iso"}, l.timeStyle) {
		return fmt.Errorf("unknown style of times %q", l.timeStyle)
	}
	return nil
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
	if err == nil && (l.follow || argument && !l.long && !l.directory && !l.classify && e.directory) {
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
		l.out.WriteString(f.Quoted() + ":\n")
	}
	if l.all && !l.almost {
		names = append(names, ".", "..")
	}
	var entries []file
	blocks := int64(0)
	for _, name := range names {
		if name[0] == '.' && !l.all && !l.almost || matchesAny(l.ignore, name) {
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
		fmt.Fprintf(l.out, "total %s\n", l.size(blocks/2, blocks*512))
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

// size returns a size, human or as it is.
func (l *listing) size(plain, bytes int64) string {
	if l.human {
		return Human(uint64(bytes))
	}
	return strconv.FormatInt(plain, 10)
}

// Human returns a size as ls -h and df -h do: rounded up, with one digit after the point below 10.
func Human(bytes uint64) string {
	if bytes < 1024 {
		return strconv.FormatUint(bytes, 10)
	}
	value, unit := float64(bytes), -1
	for value >= 1023.5 && unit < 5 || unit < 0 {
		value /= 1024
		unit++
	}
	letter := "KMGTPE"[unit : unit+1]
	if value < 9.95 {
		tenths := uint64(value * 10)
		if float64(tenths) < value*10 {
			tenths++
		}
		return fmt.Sprintf("%d.%d%s", tenths/10, tenths%10, letter)
	}
	whole := uint64(value)
	if float64(whole) < value {
		whole++
	}
	return strconv.FormatUint(whole, 10) + letter
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
