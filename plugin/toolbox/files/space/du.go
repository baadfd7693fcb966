package space

import (
	"bufio"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/units"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/wildcard"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// usage is a call of du.
type usage struct {
	all, summary, bytes, total, oneSystem, apparent             bool
	follow, arguments, separate, everyLink, inodes, zero, times bool
	exclude                                                     []string
	depth                                                       int
	threshold                                                   int64 // at least, or at most if it is negative
	units                                                       units.Format

	out    *bufio.Writer
	seen   map[walk.ID]bool // files with several links
	each   bool             // several arguments: each directory counts once too
	device walk.ID          // a file of the argument's file system
	sums   []int64          // of the directories that it is in, and of the arguments
	newest []unix.Timespec  // likewise: the newest time of a change
	status int
}

// Du prints the space that directories take.
func Du(args []string) int {
	u := &usage{seen: make(map[walk.ID]bool)}
	f := tool.Flags("du", "[OPTIONS] [FILE...]")
	o := u.flags(f)
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if err := u.choose(o); err != nil {
		return tool.Complain("du", err)
	}
	paths := f.Args()
	if len(paths) == 0 {
		paths = []string{"."}
	}
	out, flush := tool.Output()
	defer flush()
	u.out = out
	u.each = len(paths) > 1
	u.sums, u.newest = []int64{0}, make([]unix.Timespec, 1)
	w := walk.Walk{Links: u.follow, Arguments: u.arguments, Enter: u.enter, Leave: u.leave, Fail: u.fail}
	for _, path := range paths {
		w.Through(walk.Argument(path))
		u.sums, u.newest = u.sums[:1], u.newest[:1] // after a walk that was ended
	}
	if u.total {
		u.print(u.sums[0], u.newest[0], "total")
	}
	return u.status
}

func (u *usage) fail(err error) { u.status = tool.Complain("du", err) }

// duChoices are options of du that decide about units.
type duChoices struct {
	human, si, megabytes bool
	block, threshold     string
}

func (u *usage) flags(f *pflag.FlagSet) *duChoices {
	o := &duChoices{}
	f.BoolVarP(&u.all, "all", "a", false, "files too")
	f.BoolVarP(&u.summary, "summarize", "s", false, "one line for each argument")
	f.BoolVarP(&o.human, "human-readable", "h", false, "sizes such as 2.0K")
	f.BoolVar(&o.si, "si", false, "as -h, with powers of 1000")
	f.StringVarP(&o.block, "block-size", "B", "", "sizes in blocks of this size, such as M")
	f.BoolVarP(&u.bytes, "bytes", "b", false, "lengths of files in bytes")
	f.BoolP("kilobytes", "k", false, "units of 1024 bytes (the default)")
	f.BoolVarP(&o.megabytes, "megabytes", "m", false, "units of a mebibyte")
	f.BoolVar(&u.apparent, "apparent-size", false, "lengths of files, not the space that they take")
	f.BoolVar(&u.inodes, "inodes", false, "numbers of inodes, not space")
	f.StringArrayVar(&u.exclude, "exclude", nil, "skip names that match")
	f.StringVarP(&o.threshold, "threshold", "t", "", "only sizes of at least so much, or at most after a -")
	f.BoolVarP(&u.total, "total", "c", false, "a total at the end")
	f.BoolVarP(&u.oneSystem, "one-file-system", "x", false, "skip other file systems")
	f.BoolVarP(&u.follow, "dereference", "L", false, "follow links")
	f.BoolVarP(&u.arguments, "dereference-args", "D", false, "follow links among the arguments")
	f.BoolVarP(&u.arguments, "H", "H", false, "as -D")
	f.BoolVarP(&u.everyLink, "count-links", "l", false, "count files with several links each time")
	f.BoolVarP(&u.separate, "separate-dirs", "S", false, "directories without those below")
	f.BoolVarP(&u.zero, "null", "0", false, "lines end with NUL")
	f.BoolVar(&u.times, "time", false, "the newest time of a change")
	f.IntVarP(&u.depth, "max-depth", "d", -1, "print directories down to this depth only")
	return o
}

func (u *usage) choose(o *duChoices) error {
	if u.summary {
		u.depth = 0
	}
	switch {
	case o.si:
		u.units.Human = units.SI
	case o.human:
		u.units.Human = units.Human
	case u.bytes:
		u.units.Block = 1
	case o.megabytes:
		u.units.Block = 1 << 20
	case o.block != "":
		if err := u.units.Set(o.block); err != nil {
			return err
		}
	}
	if o.threshold == "" {
		return nil
	}
	var limit units.Format
	text, negative := strings.CutPrefix(o.threshold, "-")
	if err := limit.Set(text); err != nil {
		return err
	}
	u.threshold = int64(limit.Block)
	if negative {
		u.threshold = -u.threshold
	}
	return nil
}

func (u *usage) print(size int64, newest unix.Timespec, path string) {
	if u.threshold > 0 && size < u.threshold || u.threshold < 0 && size > -u.threshold {
		return
	}
	text := strconv.FormatInt(size, 10)
	if !u.inodes {
		text = u.units.Show(uint64(size), 1024)
	} else if u.units.Human != nil {
		text = u.units.Human(uint64(size))
	}
	if u.times {
		text += "\t" + time.Unix(newest.Unix()).Format("2006-01-02 15:04")
	}
	end := "\n"
	if u.zero {
		end = "\x00"
	}
	fmt.Fprintf(u.out, "%s\t%s%s", text, tool.Printable(path), end)
}

// enter adds a file, or begins with a directory.
func (u *usage) enter(f *walk.File) error {
	id := walk.Identity(&f.Stat)
	if f.Depth == 0 {
		u.device = id
	}
	size := f.Stat.Blocks * 512
	switch {
	case u.inodes:
		size = 1
	case (u.bytes || u.apparent) && (walk.Kind(&f.Stat) == unix.S_IFREG || walk.Kind(&f.Stat) == unix.S_IFDIR || walk.Kind(&f.Stat) == unix.S_IFLNK):
		size = f.Stat.Size
	}
	counted := wildcard.MatchAny(u.exclude, f.Path(), path.Base(f.Name)) || u.oneSystem && !id.SameDevice(u.device)
	if (u.each || !f.IsDir() && f.Stat.Nlink > 1 || u.follow) && !u.everyLink {
		counted = counted || u.seen[id]
		u.seen[id] = true
	}
	switch {
	case f.IsDir() && counted:
		u.sums, u.newest = append(u.sums, notCounted), append(u.newest, unix.Timespec{})
		return fs.SkipDir
	case f.IsDir():
		u.sums, u.newest = append(u.sums, size), append(u.newest, f.Stat.Mtim)
	case !counted:
		u.add(f, size, f.Stat.Mtim, u.all || f.Depth == 0)
	}
	return nil
}

// notCounted stands for the sum of a directory that is not counted.
const notCounted = -1

func (u *usage) leave(f *walk.File) {
	last := len(u.sums) - 1
	size, newest := u.sums[last], u.newest[last]
	u.sums, u.newest = u.sums[:last], u.newest[:last]
	if size != notCounted {
		u.add(f, size, newest, true)
	}
}

// add adds a size to that of the directory above, and prints it if wanted.
func (u *usage) add(f *walk.File, size int64, newest unix.Timespec, wanted bool) {
	above := len(u.sums) - 1
	if !u.separate || !f.IsDir() || f.Depth == 0 {
		u.sums[above] += size
	}
	if newest.Nano() > u.newest[above].Nano() {
		u.newest[above] = newest
	}
	if wanted && (u.depth < 0 || f.Depth <= u.depth) {
		u.print(size, newest, f.Path())
	}
}
