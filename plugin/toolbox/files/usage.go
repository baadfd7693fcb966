package files

import (
	"bufio"
	"fmt"
	"io/fs"
	"path"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// usage is a call of du.
type usage struct {
	all, summary, human, bytes, megabytes, total, oneSystem bool
	apparent                                                bool
	exclude                                                 []string
	depth                                                   int

	out    *bufio.Writer
	seen   map[walk.ID]bool // files with several links
	each   bool             // several arguments: each directory counts once too
	device walk.ID          // a file of the argument's file system
	sums   []int64          // of the directories that it is in, and of the arguments
	status int
}

// Du prints the space that directories take.
func Du(args []string) int {
	u := &usage{seen: make(map[walk.ID]bool)}
	f := tool.Flags("du", "[OPTIONS] [FILE...]")
	f.BoolVarP(&u.all, "all", "a", false, "files too")
	f.BoolVarP(&u.summary, "summarize", "s", false, "one line for each argument")
	f.BoolVarP(&u.human, "human-readable", "h", false, "sizes such as 2.0K")
	f.BoolVarP(&u.bytes, "bytes", "b", false, "lengths of files in bytes")
	f.BoolP("kilobytes", "k", false, "units of 1024 bytes (the default)")
	f.BoolVarP(&u.megabytes, "megabytes", "m", false, "units of a mebibyte")
	f.BoolVar(&u.apparent, "apparent-size", false, "lengths of files, not the space that they take")
	f.StringArrayVar(&u.exclude, "exclude", nil, "skip names that match")
	f.BoolVarP(&u.total, "total", "c", false, "a total at the end")
	f.BoolVarP(&u.oneSystem, "one-file-system", "x", false, "skip other file systems")
	f.IntVarP(&u.depth, "max-depth", "d", -1, "print directories down to this depth only")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if u.summary {
		u.depth = 0
	}
	paths := f.Args()
	if len(paths) == 0 {
		paths = []string{"."}
	}
	out, flush := tool.Output()
	defer flush()
	u.out = out
	u.each = len(paths) > 1
	u.sums = []int64{0}
	w := walk.Walk{Enter: u.enter, Leave: u.leave, Fail: u.fail}
	for _, path := range paths {
		w.Through(walk.Argument(path))
		u.sums = u.sums[:1] // after a walk that was ended
	}
	if u.total {
		u.print(u.sums[0], "total")
	}
	return u.status
}

func (u *usage) fail(err error) { u.status = tool.Complain("du", err) }

func (u *usage) print(size int64, path string) {
	text := ""
	switch {
	case u.human:
		text = Human(uint64(size))
	case u.bytes:
		text = strconv.FormatInt(size, 10)
	case u.megabytes:
		text = strconv.FormatInt((size+1<<20-1)>>20, 10)
	default:
		text = strconv.FormatInt((size+1023)/1024, 10)
	}
	fmt.Fprintf(u.out, "%s\t%s\n", text, tool.Printable(path))
}

// enter adds a file, or begins with a directory.
func (u *usage) enter(f *walk.File) error {
	id := walk.Identity(&f.Stat)
	if f.Depth == 0 {
		u.device = id
	}
	size := f.Stat.Blocks * 512
	if u.bytes || u.apparent {
		size = f.Stat.Size
	}
	counted := matchesAny(u.exclude, f.Path(), path.Base(f.Name)) || u.oneSystem && !id.SameDevice(u.device)
	if u.each || !f.IsDir() && f.Stat.Nlink > 1 {
		counted = counted || u.seen[id]
		u.seen[id] = true
	}
	switch {
	case f.IsDir() && counted:
		u.sums = append(u.sums, notCounted)
		return fs.SkipDir
	case f.IsDir():
		u.sums = append(u.sums, size)
	case !counted:
		u.add(f, size, u.all || f.Depth == 0)
	}
	return nil
}

// matchesAny reports whether one of the names matches one of the patterns.
func matchesAny(patterns []string, names ...string) bool {
	for _, pattern := range patterns {
		for _, name := range names {
			if ok, _ := path.Match(pattern, name); ok {
				return true
			}
		}
	}
	return false
}

// notCounted stands for the sum of a directory that is not counted.
const notCounted = -1

func (u *usage) leave(f *walk.File) {
	size := u.sums[len(u.sums)-1]
	u.sums = u.sums[:len(u.sums)-1]
	if size != notCounted {
		u.add(f, size, true)
	}
}

// add adds a size to that of the directory above, and prints it if wanted.
func (u *usage) add(f *walk.File, size int64, wanted bool) {
	u.sums[len(u.sums)-1] += size
	if wanted && (u.depth < 0 || f.Depth <= u.depth) {
		u.print(size, f.Path())
	}
}

// Df prints the space of file systems.
func Df(args []string) int {
	f := tool.Flags("df", "[-ahikPT] [FILE...]")
	all := f.BoolP("all", "a", false, "file systems without space of their own too")
	human := f.BoolP("human-readable", "h", false, "sizes such as 2.0K")
	inodes := f.BoolP("inodes", "i", false, "inodes instead of space")
	kinds := f.BoolP("print-type", "T", false, "types of file systems")
	megabytes := f.BoolP("megabytes", "m", false, "units of a mebibyte")
	f.BoolP("kilobytes", "k", false, "units of 1024 bytes (the default)")
	posix := f.BoolP("portability", "P", false, "titles as POSIX has them")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	mounts, err := readMounts()
	if err != nil {
		return tool.Complain("df", err)
	}
	status := 0
	if f.NArg() > 0 {
		var chosen []mount
		for _, path := range f.Args() {
			m, err := mountOf(mounts, path)
			if err != nil {
				status = tool.Complain("df", err)
				continue
			}
			chosen = append(chosen, m)
		}
		mounts = chosen
		*all = true
	}
	title, used, percent := "1K-blocks", "Used", "Use%"
	switch {
	case *posix && !*inodes && !*human && !*megabytes:
		title, percent = "1024-blocks", "Capacity"
	case *inodes:
		title, used, percent = "Inodes", "IUsed", "IUse%"
	case *human:
		title = "Size"
	case *megabytes:
		title = "1M-blocks"
	}
	available := "Available"
	if *human || *inodes {
		available = map[bool]string{true: "IFree", false: "Avail"}[*inodes]
	}
	rows := [][]string{{"Filesystem", "Type", title, used, available, percent, "Mounted on"}}
	seen := make(map[unix.Fsid]bool)
	for _, m := range mounts {
		var s unix.Statfs_t
		if err := unix.Statfs(m.path, &s); err != nil {
			continue // not for this user
		}
		total, free, available := s.Blocks*uint64(s.Frsize), s.Bfree*uint64(s.Frsize), s.Bavail*uint64(s.Frsize)
		if *inodes {
			total, free, available = s.Files, s.Ffree, s.Ffree
		}
		if !*all && (total == 0 || seen[s.Fsid]) {
			continue
		}
		seen[s.Fsid] = true
		show := func(n uint64) string {
			switch {
			case *human:
				return Human(n)
			case *inodes:
				return strconv.FormatUint(n, 10)
			case *megabytes:
				return strconv.FormatUint((n+1<<20-1)>>20, 10)
			}
			return strconv.FormatUint(n/1024, 10)
		}
		used, percent := total-free, "-"
		if used+available > 0 {
			percent = strconv.FormatUint((used*100+used+available-1)/(used+available), 10) + "%"
		}
		rows = append(rows, []string{
			tool.Printable(m.source), m.kind, show(total), show(used), show(available), percent, tool.Printable(m.path),
		})
	}
	if !*kinds {
		for i, row := range rows {
			rows[i] = append(row[:1:1], row[2:]...)
		}
	}
	right := []int{1, 2, 3, 4}
	if *kinds {
		right = []int{2, 3, 4, 5}
	}
	tool.Table(rows, right...)
	return status
}
