// Package files has the toolbox's own tools for files.
package files

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
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
	status           int
}

// file is an entry to print.
type file struct {
	name, path string
	stat       unix.Stat_t
	target     string // of a symbolic link
	broken     bool   // the target does not exist
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
	color := f.String("color", "never", "never, auto or always")
	f.Lookup("color").NoOptDefVal = "always"
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	l.long = l.long || l.numeric || l.noOwner || l.noGroup || l.fullISO
	l.color = *color == "always" || *color == "auto" && tool.Terminal()
	out, flush := tool.Output()
	defer flush()
	l.out = out
	l.arguments(f.Args())
	return l.status
}

// fail reports an error.
func (l *listing) fail(err error) {
	_ = l.out.Flush()
	tool.Complain("ls", err)
	l.status = 2
}

func (l *listing) arguments(args []string) {
	if len(args) == 0 {
		args = []string{"."}
	}
	var plain, directories []file
	for _, arg := range args {
		e, err := l.stat(arg, arg, true)
		if err != nil {
			l.fail(fmt.Errorf("%s: %w", tool.Printable(arg), err))
			continue
		}
		if e.stat.Mode&unix.S_IFMT == unix.S_IFDIR && !l.directory {
			directories = append(directories, e)
		} else {
			plain = append(plain, e)
		}
	}
	l.print(l.sort(plain))
	for i, d := range l.sort(directories) {
		if i > 0 || len(plain) > 0 {
			l.out.WriteByte('\n')
		}
		l.list(d.path, len(args) > 1 || l.recursive)
	}
}

// stat returns an entry. An argument that is a link is followed, unless the link itself is to be shown.
func (l *listing) stat(name, path string, argument bool) (file, error) {
	e := file{name: name, path: path}
	if err := unix.Lstat(path, &e.stat); err != nil {
		return e, err
	}
	if e.stat.Mode&unix.S_IFMT != unix.S_IFLNK {
		return e, nil
	}
	var target unix.Stat_t
	err := unix.Stat(path, &target)
	toDirectory := err == nil && target.Mode&unix.S_IFMT == unix.S_IFDIR
	if err == nil && (l.follow || argument && !l.long && !l.directory && !l.classify && toDirectory) {
		e.stat = target
		return e, nil
	}
	e.target, _ = os.Readlink(path)
	e.broken = err != nil
	return e, nil
}

// list prints a directory.
func (l *listing) list(dir string, title bool) {
	d, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		l.fail(err)
		return
	}
	names, err := d.Readdirnames(-1)
	d.Close()
	if err != nil {
		l.fail(err)
	}
	if title {
		fmt.Fprintf(l.out, "%s:\n", tool.Printable(dir))
	}
	if l.all && !l.almost {
		names = append(names, ".", "..")
	}
	var entries []file
	blocks := int64(0)
	for _, name := range names {
		if name[0] == '.' && !l.all && !l.almost {
			continue
		}
		path := dir + "/" + name
		if strings.HasSuffix(dir, "/") {
			path = dir + name
		}
		e, err := l.stat(name, path, false)
		if err != nil {
			l.fail(fmt.Errorf("%s: %w", tool.Printable(path), err))
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
	if !l.recursive {
		return
	}
	for _, e := range entries {
		if e.stat.Mode&unix.S_IFMT == unix.S_IFDIR && e.name != "." && e.name != ".." && e.target == "" {
			l.out.WriteByte('\n')
			l.list(e.path, true)
		}
	}
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
		if l.directoriesFirst && isDir(a.path) != isDir(b.path) {
			if isDir(a.path) {
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
