// Package space has df and du, and prints the mounts.
package space

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/units"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// space is a call of df.
type space struct {
	all, inodes, kinds, posix, total, local bool
	human, si, megabytes                    bool
	only, without                           []string
	block                                   string
	fields                                  []string
	units                                   units.Format
}

// fileSystem is a row of df, with its sizes in bytes, or its numbers of inodes.
type fileSystem struct {
	mount
	size, used, available          uint64
	inodes, inodesUsed, inodesFree uint64
	argument                       string
}

// Df prints the space of file systems.
func Df(args []string) int {
	d := &space{}
	f := tool.Flags("df", "[OPTIONS] [FILE...]")
	d.flags(f)
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if err := d.choose(f); err != nil {
		return tool.Complain("df", err)
	}
	mounts, err := readMounts()
	if err != nil {
		return tool.Complain("df", err)
	}
	status := 0
	var list []fileSystem
	if f.NArg() == 0 {
		list = d.mounted(mounts)
	}
	for _, path := range f.Args() {
		m, err := mountOf(mounts, path)
		if err != nil {
			status = tool.Complain("df", err)
			continue
		}
		if s, _, ok := measured(m); ok {
			s.argument = path
			list = append(list, s)
		}
	}
	if f.NArg() > 0 && len(list) == 0 {
		return 1
	}
	d.print(list)
	return status
}

func (d *space) flags(f *pflag.FlagSet) {
	f.BoolVarP(&d.all, "all", "a", false, "file systems without space of their own too")
	f.BoolVarP(&d.human, "human-readable", "h", false, "sizes such as 2.0K")
	f.BoolVarP(&d.si, "si", "H", false, "as -h, with powers of 1000")
	f.StringVarP(&d.block, "block-size", "B", "", "sizes in blocks of this size, such as M")
	f.BoolVarP(&d.inodes, "inodes", "i", false, "inodes instead of space")
	f.BoolVarP(&d.kinds, "print-type", "T", false, "types of file systems")
	f.BoolVarP(&d.megabytes, "megabytes", "m", false, "units of a mebibyte")
	f.BoolP("kilobytes", "k", false, "units of 1024 bytes (the default)")
	f.BoolVarP(&d.posix, "portability", "P", false, "titles as POSIX has them")
	f.BoolVarP(&d.local, "local", "l", false, "no file systems of other machines")
	f.StringArrayVarP(&d.only, "type", "t", nil, "file systems of this type only")
	f.StringArrayVarP(&d.without, "exclude-type", "x", nil, "no file systems of this type")
	f.BoolVar(&d.total, "total", false, "a line with the sums")
	f.StringSliceVar(&d.fields, "output", nil, "columns: source, fstype, size, used, avail, pcent, itotal, iused, iavail, ipcent, file and target")
	f.Lookup("output").NoOptDefVal = "source,fstype,itotal,iused,iavail,ipcent,size,used,avail,pcent,file,target"
}

// choose takes the units and the columns.
func (d *space) choose(f *pflag.FlagSet) error {
	switch {
	case d.si:
		d.units.Human = units.SI
	case d.human:
		d.units.Human = units.Human
	case d.megabytes:
		d.units.Block = 1 << 20
	case d.block != "":
		if err := d.units.Set(d.block); err != nil {
			return err
		}
	}
	for _, field := range d.fields {
		if dfColumn(field) < 0 {
			return fmt.Errorf("unknown column %q", field)
		}
	}
	if f.Changed("output") {
		return nil
	}
	d.fields = []string{"source", "size", "used", "avail", "pcent", "target"}
	if d.inodes {
		d.fields = []string{"source", "itotal", "iused", "iavail", "ipcent", "target"}
	}
	if d.kinds {
		d.fields = slices.Insert(d.fields, 1, "fstype")
	}
	return nil
}

// remote are the types of file systems of other machines.
var remote = []string{"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "9p", "afs", "glusterfs", "fuse.glusterfs", "fuse.sshfs"}

// mounted returns the file systems to show if no file is named.
func (d *space) mounted(mounts []mount) []fileSystem {
	seen := make(map[unix.Fsid]bool)
	var list []fileSystem
	for _, m := range mounts {
		if len(d.only) > 0 && !slices.Contains(d.only, m.kind) || slices.Contains(d.without, m.kind) || d.local && slices.Contains(remote, m.kind) {
			continue
		}
		s, id, ok := measured(m)
		if !ok || !d.all && (s.size == 0 && !d.inodes || d.inodes && s.inodes == 0 && s.size == 0 || seen[id]) {
			continue
		}
		seen[id] = true
		list = append(list, s)
	}
	return list
}

// measured asks for the space of a file system. The answer is not for every user.
func measured(m mount) (fileSystem, unix.Fsid, bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(m.path, &s); err != nil {
		return fileSystem{}, s.Fsid, false
	}
	unit := uint64(s.Frsize)
	return fileSystem{
		mount: m, size: s.Blocks * unit, used: (s.Blocks - s.Bfree) * unit, available: s.Bavail * unit,
		inodes: s.Files, inodesUsed: s.Files - s.Ffree, inodesFree: s.Ffree,
	}, s.Fsid, true
}

// dfColumns are the columns: their names for --output, their titles and their least widths.
var dfColumns = []struct {
	name, title string
	width       int
	right       bool
}{
	{"source", "Filesystem", 14, false},
	{"fstype", "Type", 4, false},
	{"size", "", 5, true},
	{"used", "Used", 5, true},
	{"avail", "Avail", 5, true},
	{"pcent", "Use%", 4, true},
	{"itotal", "Inodes", 5, true},
	{"iused", "IUsed", 5, true},
	{"iavail", "IFree", 5, true},
	{"ipcent", "IUse%", 4, true},
	{"file", "File", 0, false},
	{"target", "Mounted on", 0, false},
}

func dfColumn(name string) int {
	for i, c := range dfColumns {
		if c.name == name {
			return i
		}
	}
	return -1
}

// title returns a column's title, which depends on the units.
func (d *space) title(column int) string {
	title := dfColumns[column].title
	switch name := dfColumns[column].name; {
	case name == "pcent" && d.posix:
		return "Capacity"
	case name == "avail" && d.units.Human == nil:
		return "Available"
	case name != "size":
		return title
	case d.units.Human != nil:
		return "Size"
	case d.units.Block == 0 && d.posix:
		return "1024-blocks"
	case d.units.Block == 0:
		return "1K-blocks"
	case d.units.Mark != "":
		return "1" + d.units.Mark + "-blocks"
	default:
		return blockName(d.units.Block) + "-blocks"
	}
}

func blockName(block uint64) string {
	for i, letter := range "EPTGMK" {
		if unit := uint64(1) << (60 - 10*i); block%unit == 0 {
			return strconv.FormatUint(block/unit, 10) + string(letter)
		}
	}
	return strconv.FormatUint(block, 10) + "B"
}

// cell returns what is in a column.
func (d *space) cell(s *fileSystem, column int) string {
	count := func(n uint64) string {
		if d.units.Human != nil {
			return d.units.Human(n)
		}
		return strconv.FormatUint(n, 10)
	}
	switch dfColumns[column].name {
	case "source":
		return tool.Printable(s.source)
	case "fstype":
		return tool.Printable(s.kind)
	case "size":
		return d.units.Show(s.size, 1024)
	case "used":
		return d.units.Show(s.used, 1024)
	case "avail":
		return d.units.Show(s.available, 1024)
	case "pcent":
		return percent(s.used, s.available)
	case "itotal":
		return count(s.inodes)
	case "iused":
		return count(s.inodesUsed)
	case "iavail":
		return count(s.inodesFree)
	case "ipcent":
		return percent(s.inodesUsed, s.inodesFree)
	case "file":
		if s.argument == "" {
			return "-"
		}
		return tool.Printable(s.argument)
	}
	return tool.Printable(s.path)
}

func percent(used, free uint64) string {
	if used+free == 0 {
		return "-"
	}
	return strconv.FormatUint((used*100+used+free-1)/(used+free), 10) + "%"
}

func (d *space) print(list []fileSystem) {
	if d.total {
		sum := fileSystem{mount: mount{source: "total", kind: "-", path: "-"}}
		for _, s := range list {
			sum.size, sum.used, sum.available = sum.size+s.size, sum.used+s.used, sum.available+s.available
			sum.inodes, sum.inodesUsed, sum.inodesFree = sum.inodes+s.inodes, sum.inodesUsed+s.inodesUsed, sum.inodesFree+s.inodesFree
		}
		list = append(list, sum)
	}
	var rows [][]string
	var titles []string
	var columns []int
	for _, field := range d.fields {
		column := dfColumn(field)
		columns = append(columns, column)
		titles = append(titles, d.title(column))
	}
	rows = append(rows, titles)
	for i := range list {
		var row []string
		for _, column := range columns {
			row = append(row, d.cell(&list[i], column))
		}
		rows = append(rows, row)
	}
	out, flush := tool.Output()
	defer flush()
	for _, row := range rows {
		var line strings.Builder
		for i, column := range columns {
			c := dfColumns[column]
			width := c.width
			for _, other := range rows {
				width = max(width, len([]rune(other[i])))
			}
			if !c.right {
				width = -width
			}
			fmt.Fprintf(&line, "%*s ", width, row[i])
		}
		fmt.Fprintln(out, strings.TrimRight(line.String(), " "))
	}
}
