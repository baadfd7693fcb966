package files

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// archive is a call of tar.
type archive struct {
	create, extract, list, gzip, zstd, verbose, keepOwner, noOwner, permissions, numeric, toStdout bool
	auto, bzip2, xz                                                                                bool
	file, dir                                                                                      string
	exclude, dirs                                                                                  []string
	strip                                                                                          int
	status                                                                                         int
}

// Tar makes, lists and unpacks archives.
func Tar(args []string) int {
	a := &archive{}
	f := tool.Flags("tar", "-c|-x|-t [-zvp] [-f FILE] [-C DIR] [FILE...]")
	a.flags(f)
	args, err := oldStyle(f, args)
	if err != nil {
		tool.Complain("tar", err)
		return tool.Usage
	}
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if len(a.dirs) > 1 {
		tool.Complain("tar", errors.New("only one -C is supported"))
		return tool.Usage
	}
	a.dir = "."
	if len(a.dirs) == 1 {
		a.dir = a.dirs[0]
	}
	switch {
	case a.create && !a.extract && !a.list:
		err = a.pack(f.Args())
	case (a.extract || a.list) && !a.create:
		err = a.unpack(f.Args())
	default:
		f.Usage()
		return tool.Usage
	}
	if err != nil {
		tool.Complain("tar", err)
		return tool.Usage
	}
	return a.status
}

func (a *archive) flags(f *pflag.FlagSet) {
	f.BoolVarP(&a.create, "create", "c", false, "make an archive")
	f.BoolVarP(&a.extract, "extract", "x", false, "unpack")
	f.BoolVarP(&a.list, "list", "t", false, "list")
	f.StringVarP(&a.file, "file", "f", "-", "the archive; - is standard input or output")
	f.StringArrayVarP(&a.dirs, "directory", "C", nil, "the directory to work in")
	f.BoolVarP(&a.gzip, "gzip", "z", false, "gzip; recognized when reading")
	f.BoolVar(&a.zstd, "zstd", false, "Zstandard; recognized when reading")
	f.BoolVarP(&a.auto, "auto-compress", "a", false, "compressed as the archive's name says: .gz, .tgz or .zst")
	f.BoolVarP(&a.bzip2, "bzip2", "j", false, "bzip2: only recognized when reading")
	f.BoolVarP(&a.xz, "xz", "J", false, "xz: only recognized when reading")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "print names")
	f.BoolVarP(&a.permissions, "preserve-permissions", "p", false, "modes as they are, without the mask")
	f.BoolVar(&a.keepOwner, "same-owner", false, "owners as they are; root's default")
	f.BoolVarP(&a.noOwner, "no-same-owner", "o", false, "all belongs to the user")
	f.BoolVar(&a.numeric, "numeric-owner", false, "numbers instead of names")
	f.BoolVarP(&a.toStdout, "to-stdout", "O", false, "write files to standard output")
	f.StringArrayVar(&a.exclude, "exclude", nil, "skip names that match")
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

// choose decides how an archive that is written is compressed.
func (a *archive) choose() error {
	if a.auto {
		switch ext := path.Ext(a.file); ext {
		case ".gz", ".tgz":
			a.gzip = true
		case ".zst", ".tzst":
			a.zstd = true
		case ".tar", "":
		default:
			return fmt.Errorf("nothing here compresses %s: .gz, .tgz or .zst", tool.Printable(ext))
		}
	}
	if a.bzip2 || a.xz {
		return errors.New("bzip2 and xz are only read here: -z or --zstd")
	}
	return nil
}

func (a *archive) compressor(to io.Writer) (io.WriteCloser, error) {
	switch {
	case a.gzip:
		return gzip.NewWriter(to), nil
	case a.zstd:
		return zstd.NewWriter(to)
	}
	return nothing{to}, nil
}

func (a *archive) fail(err error) { a.status = tool.Complain("tar", err) }

func (a *archive) excluded(name string) bool {
	return matchesAny(a.exclude, name, path.Base(name))
}

// nothing closes a writer that is not to be closed.
type nothing struct{ io.Writer }

func (nothing) Close() error { return nil }

func (a *archive) pack(names []string) error {
	if len(names) == 0 {
		return errors.New("no files to pack")
	}
	if err := a.choose(); err != nil { // before an old archive is overwritten
		return err
	}
	out := os.Stdout
	if a.file != "-" {
		file, err := os.Create(a.file)
		if err != nil {
			return err
		}
		defer file.Close()
		out = file
	} else if tool.Terminal() {
		return errors.New("an archive is not written to a terminal: -f FILE")
	}
	var self *unix.Stat_t
	var s unix.Stat_t
	if err := unix.Fstat(int(out.Fd()), &s); err == nil {
		self = &s
	}
	buffered := bufio.NewWriterSize(out, 1<<20)
	packed, err := a.compressor(buffered)
	if err != nil {
		return err
	}
	w := tar.NewWriter(packed)
	links := make(map[walk.ID]string)
	for _, name := range names {
		root := name
		if !filepath.IsAbs(name) {
			root = filepath.Join(a.dir, name)
		}
		var broken error // of the archive
		tree := walk.Walk{Fail: a.fail, Enter: func(f *walk.File) error {
			inside := strings.TrimRight(name, "/")
			if below := f.Below(); below != "" {
				inside += "/" + below
			}
			if a.excluded(inside) {
				return fs.SkipDir
			}
			if broken = a.add(w, f, inside, links, self); broken != nil {
				return fs.SkipAll
			}
			return nil
		}}
		tree.Through(walk.Argument(root))
		if broken != nil {
			return broken
		}
	}
	return errors.Join(w.Close(), packed.Close(), buffered.Flush())
}

// add adds a file. Only an error of the archive is returned.
func (a *archive) add(w *tar.Writer, f *walk.File, name string, links map[walk.ID]string, self *unix.Stat_t) error {
	s := &f.Stat
	if self != nil && walk.Identity(s) == walk.Identity(self) {
		return nil // the archive itself
	}
	header := &tar.Header{
		Name: strings.TrimLeft(name, "/"), ModTime: time.Unix(s.Mtim.Unix()).Truncate(time.Second),
		Mode: int64(s.Mode & 0o7777), Uid: int(s.Uid), Gid: int(s.Gid),
	}
	if !a.numeric {
		header.Uname, header.Gname = accounts.Users().Name(s.Uid), accounts.Groups().Name(s.Gid)
	}
	switch walk.Kind(s) {
	case unix.S_IFSOCK:
		a.fail(f.Errorf("a socket is left out"))
		return nil
	case unix.S_IFDIR:
		header.Typeflag = tar.TypeDir
		header.Name += "/"
	case unix.S_IFLNK:
		header.Typeflag = tar.TypeSymlink
		header.Linkname, _ = f.Readlink()
	case unix.S_IFIFO:
		header.Typeflag = tar.TypeFifo
	case unix.S_IFCHR, unix.S_IFBLK:
		header.Typeflag = tar.TypeChar
		if walk.Kind(s) == unix.S_IFBLK {
			header.Typeflag = tar.TypeBlock
		}
		header.Devmajor, header.Devminor = int64(unix.Major(uint64(s.Rdev))), int64(unix.Minor(uint64(s.Rdev)))
	default:
		id := walk.Identity(s)
		if first := links[id]; first != "" {
			header.Typeflag, header.Linkname = tar.TypeLink, first
			break
		}
		if s.Nlink > 1 {
			links[id] = header.Name
		}
		header.Typeflag, header.Size = tar.TypeReg, s.Size
	}
	if a.verbose {
		names := os.Stdout
		if a.file == "-" { // the archive is there
			names = os.Stderr
		}
		fmt.Fprintln(names, tool.Printable(header.Name))
	}
	if header.Typeflag != tar.TypeReg {
		return w.WriteHeader(header)
	}
	in, err := f.Regular(false)
	if err != nil {
		a.fail(err)
		return nil
	}
	defer in.Close()
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	// A file that has become shorter is filled up, since its size is already written.
	n, err := io.Copy(w, io.LimitReader(in, header.Size))
	if missing := header.Size - n; err == nil && missing > 0 {
		a.fail(f.Errorf("it became shorter"))
		_, err = io.CopyN(w, zeros{}, missing)
	}
	return err
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
