package files

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
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
)

// archive is a call of tar.
type archive struct {
	create, extract, list, gzip, zstd, verbose, keepOwner, noOwner, permissions, numeric, toStdout bool
	file, dir                                                                                      string
	exclude                                                                                        []string
	strip                                                                                          int
	status                                                                                         int
}

// Tar makes, lists and unpacks archives.
func Tar(args []string) int {
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' { // tar czf
		args = append([]string{"-" + args[0]}, args[1:]...)
	}
	a := &archive{}
	f := tool.Flags("tar", "-c|-x|-t [-zvp] [-f FILE] [-C DIR] [FILE...]")
	a.flags(f)
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	var err error
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
	f.StringVarP(&a.dir, "directory", "C", ".", "the directory to work in")
	f.BoolVarP(&a.gzip, "gzip", "z", false, "gzip; recognized when reading")
	f.BoolVar(&a.zstd, "zstd", false, "Zstandard; recognized when reading")
	f.BoolP("auto", "a", false, "ignored")
	f.BoolP("bzip2", "j", false, "bzip2 is recognized when reading")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "print names")
	f.BoolVarP(&a.permissions, "preserve-permissions", "p", false, "modes as they are, without the mask")
	f.BoolVar(&a.keepOwner, "same-owner", false, "owners as they are; root's default")
	f.BoolVarP(&a.noOwner, "no-same-owner", "o", false, "all belongs to the user")
	f.BoolVar(&a.numeric, "numeric-owner", false, "numbers instead of names")
	f.BoolVarP(&a.toStdout, "to-stdout", "O", false, "write files to standard output")
	f.StringArrayVar(&a.exclude, "exclude", nil, "skip names that match")
	f.IntVar(&a.strip, "strip-components", 0, "leave out so many directories of names")
}

func (a *archive) fail(err error) { a.status = tool.Complain("tar", err) }

func (a *archive) excluded(name string) bool {
	for _, pattern := range a.exclude {
		if ok, _ := path.Match(pattern, name); ok {
			return true
		}
		if ok, _ := path.Match(pattern, path.Base(name)); ok {
			return true
		}
	}
	return false
}

// nothing closes a writer that is not to be closed.
type nothing struct{ io.Writer }

func (nothing) Close() error { return nil }

func (a *archive) pack(names []string) error {
	if len(names) == 0 {
		return errors.New("no files to pack")
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
	self, _ := out.Stat()
	buffered := bufio.NewWriterSize(out, 1<<20)
	packed := io.WriteCloser(nothing{buffered})
	switch {
	case a.gzip || strings.HasSuffix(a.file, "gz"):
		packed = gzip.NewWriter(buffered)
	case a.zstd:
		z, err := zstd.NewWriter(buffered)
		if err != nil {
			return err
		}
		packed = z
	}
	w := tar.NewWriter(packed)
	links := make(map[[2]uint64]string)
	for _, name := range names {
		root := name
		if !filepath.IsAbs(name) {
			root = filepath.Join(a.dir, name)
		}
		err := filepath.WalkDir(root, func(file string, _ fs.DirEntry, err error) error {
			if err != nil {
				a.fail(err)
				return nil
			}
			inside := name + strings.TrimPrefix(file, root)
			if a.excluded(inside) {
				if info, err := os.Lstat(file); err == nil && info.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			return a.add(w, file, inside, links, self)
		})
		if err != nil {
			return err
		}
	}
	return errors.Join(w.Close(), packed.Close(), buffered.Flush())
}

// add adds a file. Only an error of the archive is returned.
func (a *archive) add(w *tar.Writer, file, name string, links map[[2]uint64]string, self fs.FileInfo) error {
	info, err := os.Lstat(file)
	if err != nil {
		a.fail(err)
		return nil
	}
	if self != nil && os.SameFile(info, self) {
		return nil // the archive itself
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		target, _ = os.Readlink(file)
	}
	if info.Mode()&fs.ModeSocket != 0 {
		a.fail(fmt.Errorf("%s: a socket is left out", tool.Printable(file)))
		return nil
	}
	header := &tar.Header{
		Name: strings.TrimLeft(name, "/"), Linkname: target, ModTime: info.ModTime().Truncate(time.Second),
	}
	stat, ok := info.Sys().(*unixStat)
	if !ok {
		return nil
	}
	header.Mode = int64(stat.Mode & 0o7777)
	header.Uid, header.Gid = int(stat.Uid), int(stat.Gid)
	if !a.numeric {
		header.Uname, header.Gname = accounts.Users().Name(stat.Uid), accounts.Groups().Name(stat.Gid)
	}
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		header.Typeflag = tar.TypeDir
		header.Name += "/"
	case unix.S_IFLNK:
		header.Typeflag = tar.TypeSymlink
	case unix.S_IFIFO:
		header.Typeflag = tar.TypeFifo
	case unix.S_IFCHR, unix.S_IFBLK:
		header.Typeflag = tar.TypeChar
		if stat.Mode&unix.S_IFMT == unix.S_IFBLK {
			header.Typeflag = tar.TypeBlock
		}
		header.Devmajor, header.Devminor = int64(unix.Major(uint64(stat.Rdev))), int64(unix.Minor(uint64(stat.Rdev)))
	default:
		id := [2]uint64{uint64(stat.Dev), stat.Ino}
		if first := links[id]; first != "" {
			header.Typeflag, header.Linkname = tar.TypeLink, first
			break
		}
		if stat.Nlink > 1 {
			links[id] = header.Name
		}
		header.Typeflag, header.Size = tar.TypeReg, info.Size()
	}
	if a.verbose {
		fmt.Fprintln(os.Stderr, tool.Printable(header.Name))
	}
	if header.Typeflag != tar.TypeReg {
		return w.WriteHeader(header)
	}
	in, err := os.Open(file)
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
		a.fail(fmt.Errorf("%s: it became shorter", tool.Printable(file)))
		_, err = io.CopyN(w, zeros{}, missing)
	}
	return err
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// decompressed recognizes how a stream is compressed.
func decompressed(in io.Reader) (io.Reader, error) {
	r := bufio.NewReaderSize(in, 1<<20)
	start, _ := r.Peek(4)
	switch {
	case bytes.HasPrefix(start, []byte{0x1f, 0x8b}):
		return gzip.NewReader(r)
	case bytes.HasPrefix(start, []byte("BZh")):
		return bzip2.NewReader(r), nil
	case bytes.HasPrefix(start, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return zstd.NewReader(r, zstd.WithDecoderMaxMemory(256<<20))
	}
	return r, nil
}

func (a *archive) unpack(names []string) error {
	in := os.Stdin
	if a.file != "-" {
		file, err := os.Open(a.file)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	text, err := decompressed(in)
	if err != nil {
		return err
	}
	// Names and links of an archive do not lead out of the directory.
	root, err := os.OpenRoot(a.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	out, flush := tool.Output()
	defer flush()
	found := make(map[string]bool)
	r := tar.NewReader(text)
	var directories []*tar.Header
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if !wanted(header.Name, names, found) || a.excluded(strings.TrimSuffix(header.Name, "/")) {
			continue
		}
		switch {
		case a.list && a.verbose:
			fmt.Fprintln(out, tarLine(header))
			continue
		case a.list || a.verbose:
			fmt.Fprintln(out, tool.Printable(header.Name))
		}
		if a.list {
			continue
		}
		if a.toStdout {
			if header.Typeflag == tar.TypeReg {
				if _, err := io.Copy(out, r); err != nil {
					return err
				}
			}
			continue
		}
		if err := a.extractOne(root, r, header); err != nil {
			_ = out.Flush()
			a.fail(err)
		} else if header.Typeflag == tar.TypeDir {
			directories = append(directories, header)
		}
	}
	// A directory gets its mode and time when all is in it.
	for i := len(directories) - 1; i >= 0; i-- {
		if name := a.target(directories[i].Name); name != "" {
			a.attributes(root, name, directories[i])
		}
	}
	for _, name := range names {
		if !found[name] {
			a.fail(fmt.Errorf("%s: not in the archive", tool.Printable(name)))
		}
	}
	return nil
}

func wanted(name string, names []string, found map[string]bool) bool {
	if len(names) == 0 {
		return true
	}
	clean := path.Clean(name)
	for _, want := range names {
		dir := path.Clean(want)
		if clean == dir || strings.HasPrefix(clean, dir+"/") {
			found[want] = true
			return true
		}
	}
	return false
}

func tarLine(h *tar.Header) string {
	mode := uint32(h.Mode & 0o7777)
	mode |= map[byte]uint32{
		tar.TypeReg: unix.S_IFREG, tar.TypeDir: unix.S_IFDIR, tar.TypeSymlink: unix.S_IFLNK, tar.TypeFifo: unix.S_IFIFO,
		tar.TypeChar: unix.S_IFCHR, tar.TypeBlock: unix.S_IFBLK, tar.TypeLink: unix.S_IFREG,
	}[h.Typeflag]
	owner := fmt.Sprintf("%d/%d", h.Uid, h.Gid)
	if h.Uname != "" {
		owner = h.Uname + "/" + h.Gname
	}
	text := fmt.Sprintf("%s %s %*d %s %s", Mode(mode), owner, max(0, 19-len(owner)), h.Size, h.ModTime.Format("2006-01-02 15:04"), h.Name)
	switch h.Typeflag {
	case tar.TypeSymlink:
		text += " -> " + h.Linkname
	case tar.TypeLink:
		text += " link to " + h.Linkname
	}
	return tool.Printable(text)
}

// target returns the name to unpack to, or nothing.
func (a *archive) target(name string) string {
	parts := strings.Split(strings.Trim(path.Clean("/"+name), "/"), "/")
	if len(parts) <= a.strip {
		return ""
	}
	return strings.Join(parts[a.strip:], "/")
}

func (a *archive) extractOne(root *os.Root, r io.Reader, h *tar.Header) error {
	name := a.target(h.Name)
	if name == "" {
		return nil
	}
	if dir := path.Dir(name); dir != "." {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if h.Typeflag == tar.TypeDir {
		if err := root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	}
	if info, err := root.Lstat(name); err == nil && !info.IsDir() {
		if err := root.Remove(name); err != nil {
			return err
		}
	}
	switch h.Typeflag {
	case tar.TypeReg:
		file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, r)
		if err = errors.Join(err, file.Close()); err != nil {
			return err
		}
	case tar.TypeSymlink:
		if err := root.Symlink(h.Linkname, name); err != nil {
			return err
		}
	case tar.TypeLink:
		return root.Link(a.target(h.Linkname), name)
	default:
		return a.special(root, name, h)
	}
	a.attributes(root, name, h)
	return nil
}

// special makes a device or a FIFO.
func (a *archive) special(root *os.Root, name string, h *tar.Header) error {
	kind, ok := map[byte]uint32{tar.TypeFifo: unix.S_IFIFO, tar.TypeChar: unix.S_IFCHR, tar.TypeBlock: unix.S_IFBLK}[h.Typeflag]
	if !ok {
		return fmt.Errorf("%s: unknown type %q", tool.Printable(h.Name), h.Typeflag)
	}
	dir, err := root.Open(path.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	device := unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))
	if err := unix.Mknodat(int(dir.Fd()), path.Base(name), kind|0o600, int(device)); err != nil {
		return &os.PathError{Op: "mknod", Path: name, Err: err}
	}
	a.attributes(root, name, h)
	return nil
}

// attributes sets owner, mode and time.
func (a *archive) attributes(root *os.Root, name string, h *tar.Header) {
	if os.Geteuid() == 0 && !a.noOwner || a.keepOwner {
		if err := root.Lchown(name, h.Uid, h.Gid); err != nil {
			a.fail(err)
		}
	}
	if h.Typeflag == tar.TypeSymlink {
		return
	}
	mode := fs.FileMode(h.Mode & 0o777)
	if !a.permissions && os.Geteuid() != 0 {
		mask := unix.Umask(0)
		unix.Umask(mask)
		mode &^= fs.FileMode(mask)
	} else {
		for bit, special := range map[int64]fs.FileMode{unix.S_ISUID: fs.ModeSetuid, unix.S_ISGID: fs.ModeSetgid, unix.S_ISVTX: fs.ModeSticky} {
			if h.Mode&bit != 0 {
				mode |= special
			}
		}
	}
	if err := root.Chmod(name, mode); err != nil {
		a.fail(err)
	}
	_ = root.Chtimes(name, h.ModTime, h.ModTime)
}
