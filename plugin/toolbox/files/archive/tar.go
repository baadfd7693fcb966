// Package archive has tar and gzip.
package archive

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/pflag"
	"github.com/ulikunitz/xz"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/wildcard"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// archive is a call of tar.
type archive struct {
	create, extract, list, gzip, zstd, verbose, keepOwner, noOwner, permissions, numeric, toStdout bool
	auto, bzip2, xz, absolute, follow, alone, oneSystem, wildcards, keepOld, nul                   bool
	file                                                                                           string
	places                                                                                         places
	exclude, excludeFiles, nameFiles                                                               []string
	owner, group, sorted, modified                                                                 string
	strip                                                                                          int
	status                                                                                         int

	user, team *account  // of --owner and --group
	at         time.Time // of --mtime
}

// account is a name and a number.
type account struct {
	name string
	id   int
}

// Tar makes, lists and unpacks archives.
func Tar(args []string) int {
	a := &archive{}
	f := tool.Flags("tar", "-c|-x|-t [-zvp] [-f FILE] [-C DIR] [FILE...]")
	a.flags(f)
	args, err := oldStyle(f, args)
	if err != nil {
		return tool.Refuse("tar", err)
	}
	if status, ok := tool.Parse(f, args); !ok {
		const unknownOption = 64 // as GNU's tar
		return map[bool]int{true: unknownOption}[status != 0]
	}
	var items []packed
	if err = a.choose(); err == nil {
		items, err = a.items(f.Args())
	}
	switch {
	case err != nil:
	case a.create && !a.extract && !a.list:
		err = a.pack(items)
	case (a.extract || a.list) && !a.create:
		err = a.unpack(items)
	default:
		return tool.Misused(f)
	}
	if err != nil {
		return tool.Refuse("tar", err)
	}
	return a.status
}

func (a *archive) flags(f *pflag.FlagSet) {
	f.BoolVarP(&a.create, "create", "c", false, "make an archive")
	f.BoolVarP(&a.extract, "extract", "x", false, "unpack")
	f.BoolVar(&a.extract, "get", false, "as -x")
	f.BoolVarP(&a.list, "list", "t", false, "list")
	f.StringVarP(&a.file, "file", "f", "-", "the archive; - is standard input or output")
	a.places.count = f.NArg
	f.VarP(&a.places, "directory", "C", "the directory to work in, for the names that follow")
	f.StringArrayVarP(&a.nameFiles, "files-from", "T", nil, "a file with names, one a line")
	f.BoolVar(&a.nul, "null", false, "names in the files of -T end with NUL")
	f.BoolVarP(&a.gzip, "gzip", "z", false, "gzip; recognized when reading")
	f.BoolVar(&a.zstd, "zstd", false, "Zstandard; recognized when reading")
	f.BoolVarP(&a.xz, "xz", "J", false, "xz; recognized when reading")
	f.BoolVarP(&a.bzip2, "bzip2", "j", false, "bzip2: only recognized when reading")
	f.BoolVarP(&a.auto, "auto-compress", "a", false, "compressed as the archive's name says: .gz, .tgz, .xz or .zst")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "print names")
	f.BoolVarP(&a.permissions, "preserve-permissions", "p", false, "modes as they are, without the mask")
	f.BoolVar(&a.keepOwner, "same-owner", false, "owners as they are; root's default")
	f.BoolVarP(&a.noOwner, "no-same-owner", "o", false, "all belongs to the user")
	f.BoolVar(&a.numeric, "numeric-owner", false, "numbers instead of names")
	f.StringVar(&a.owner, "owner", "", "all in the archive belongs to this user: NAME, NUMBER or NAME:NUMBER")
	f.StringVar(&a.group, "group", "", "all in the archive belongs to this group")
	f.StringVar(&a.modified, "mtime", "", "the time of all in the archive")
	f.StringVar(&a.sorted, "sort", "", "the order of names in directories: name (the default) or none")
	f.BoolVarP(&a.absolute, "absolute-names", "P", false, "keep a / at the start of names; not when unpacking")
	f.BoolVarP(&a.follow, "dereference", "h", false, "pack what links lead to")
	f.BoolVar(&a.alone, "no-recursion", false, "directories without what is in them")
	f.BoolVar(&a.oneSystem, "one-file-system", false, "leave out other file systems")
	f.BoolVar(&a.wildcards, "wildcards", false, "names to list or unpack are patterns")
	f.BoolVarP(&a.keepOld, "keep-old-files", "k", false, "unpack no file that is there")
	f.Bool("overwrite", false, "unpack files that are there (the default)")
	f.BoolVarP(&a.toStdout, "to-stdout", "O", false, "write files to standard output")
	f.StringArrayVar(&a.exclude, "exclude", nil, "skip names that match")
	f.StringArrayVarP(&a.excludeFiles, "exclude-from", "X", nil, "a file with names to skip")
	f.IntVar(&a.strip, "strip-components", 0, "leave out so many directories of names")
}

// oldStyle writes the letters of "tar cfz FILE DIR" as options. Those that have a value take the words after the letters,
// in turn.
func oldStyle(f *pflag.FlagSet, args []string) ([]string, error) {
	if len(args) == 0 || args[0] == "" || args[0][0] == '-' {
		return args, nil
	}
	letters, rest := args[0], args[1:]
	var out []string
	for _, letter := range letters {
		out = append(out, "-"+string(letter))
		if flag := f.ShorthandLookup(string(letter)); letter < 0x80 && flag != nil && flag.NoOptDefVal == "" {
			if len(rest) == 0 {
				return nil, fmt.Errorf("option %c needs a value", letter)
			}
			out = append(out, rest[0])
			rest = rest[1:]
		}
	}
	return append(out, rest...), nil
}

// choose takes the options, and decides how an archive that is written is compressed.
func (a *archive) choose() error {
	if err := a.chosen(); err != nil || !a.create {
		return err
	}
	if a.auto {
		switch ext := path.Ext(a.file); ext {
		case ".gz", ".tgz":
			a.gzip = true
		case ".zst", ".tzst":
			a.zstd = true
		case ".xz", ".txz":
			a.xz = true
		case ".tar", "":
		default:
			return fmt.Errorf("nothing here compresses %s: .gz, .tgz, .xz or .zst", tool.Printable(ext))
		}
	}
	if a.bzip2 {
		return errors.New("bzip2 is only read here: -z, -J or --zstd")
	}
	return nil
}

func (a *archive) compressor(to io.Writer) (io.WriteCloser, error) {
	switch {
	case a.gzip:
		return gzip.NewWriter(to), nil
	case a.zstd:
		return zstd.NewWriter(to)
	case a.xz:
		return xz.NewWriter(to)
	}
	return nothing{to}, nil
}

func (a *archive) fail(err error) { a.status = tool.Complain("tar", err) }

// excluded reports whether a name, or what follows a slash in it, matches one of the patterns.
func (a *archive) excluded(name string) bool {
	for _, pattern := range a.exclude {
		re, err := wildcard.Expression(strings.TrimSuffix(pattern, "/"))
		if err != nil {
			continue
		}
		for rest := name; ; {
			if re.MatchString(rest) {
				return true
			}
			_, below, ok := strings.Cut(rest, "/")
			if !ok {
				break
			}
			rest = below
		}
	}
	return false
}
