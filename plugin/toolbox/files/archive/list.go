package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/permissions"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/wildcard"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

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
	case bytes.HasPrefix(start, []byte{0xfd, '7', 'z', 'X'}):
		return xz.NewReader(r)
	}
	return r, nil
}

// unpacking is the reading of an archive.
type unpacking struct {
	*archive
	r           *tar.Reader
	root        *os.Root // names and links of an archive do not lead out of it
	out         *bufio.Writer
	names       []string
	patterns    []*regexp.Regexp
	found       map[string]bool
	directories []*tar.Header
	width       int // of owners and sizes in a list
}

func (a *archive) unpack(items []packed) error {
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
	u := &unpacking{archive: a, r: tar.NewReader(text), found: make(map[string]bool)}
	for _, item := range items {
		u.names = append(u.names, item.name)
		pattern, err := wildcard.Expression(strings.TrimSuffix(item.name, "/"))
		if err != nil {
			return err
		}
		u.patterns = append(u.patterns, pattern)
	}
	if u.root, err = os.OpenRoot(a.places.of(len(items))); err != nil {
		return err
	}
	defer u.root.Close()
	out, flush := tool.Output()
	defer flush()
	u.out = out
	if err := u.all(); err != nil {
		return err
	}
	// A directory gets its mode and time when all is in it.
	for _, directory := range slices.Backward(u.directories) {
		if name := a.target(directory.Name); name != "" {
			a.attributes(u.root, name, directory)
		}
	}
	for _, name := range u.names {
		if !u.found[name] {
			a.fail(fmt.Errorf("%s: not in the archive", tool.Printable(name)))
		}
	}
	return nil
}

// all reads the entries.
func (u *unpacking) all() error {
	for {
		header, err := u.r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag == tar.TypeXGlobalHeader { // of git archive: it is about the archive
			continue
		}
		if !u.wanted(header.Name) || u.below(strings.TrimSuffix(header.Name, "/")) {
			continue
		}
		if err := u.entry(header); err != nil {
			return err
		}
	}
}

// entry lists or unpacks an entry.
func (u *unpacking) entry(header *tar.Header) error {
	switch {
	case u.list && u.verbose:
		fmt.Fprintln(u.out, u.line(header))
	case u.verbose && u.toStdout: // the files are there
		fmt.Fprintln(os.Stderr, tool.Printable(header.Name))
	case u.list || u.verbose:
		fmt.Fprintln(u.out, tool.Printable(header.Name))
	}
	switch {
	case u.list:
	case u.toStdout && regular(header):
		_, err := io.Copy(u.out, u.r)
		return err
	case u.toStdout:
	default:
		if err := u.extractOne(u.root, u.r, header); err != nil {
			_ = u.out.Flush()
			u.fail(err)
		} else if header.Typeflag == tar.TypeDir {
			u.directories = append(u.directories, header)
		}
	}
	return nil
}

// regular reports whether an entry is a file. The reader fills the holes of a sparse one.
func regular(h *tar.Header) bool {
	return h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeGNUSparse || h.Typeflag == tar.TypeCont
}

// below reports whether an entry, or a directory that it is in, is excluded.
func (u *unpacking) below(name string) bool {
	for ; len(u.exclude) > 0 && name != "." && name != "/" && name != ""; name = path.Dir(name) {
		if u.excluded(name) {
			return true
		}
	}
	return false
}

// wanted reports whether an entry is one of those that are named, or is beneath one.
func (u *unpacking) wanted(name string) bool {
	if len(u.names) == 0 {
		return true
	}
	clean := path.Clean(name)
	for i, want := range u.names {
		dir := path.Clean(want)
		if clean == dir || strings.HasPrefix(clean, dir+"/") || u.wildcards && u.patterns[i].MatchString(clean) {
			u.found[want] = true
			return true
		}
	}
	return false
}

// line returns what -tv prints of an entry.
func (u *unpacking) line(h *tar.Header) string {
	mode := uint32(h.Mode & 0o7777)
	mode |= map[byte]uint32{
		tar.TypeReg: unix.S_IFREG, tar.TypeGNUSparse: unix.S_IFREG, tar.TypeCont: unix.S_IFREG, tar.TypeDir: unix.S_IFDIR, tar.TypeSymlink: unix.S_IFLNK, tar.TypeFifo: unix.S_IFIFO,
		tar.TypeChar: unix.S_IFCHR, tar.TypeBlock: unix.S_IFBLK, tar.TypeLink: unix.S_IFREG,
	}[h.Typeflag]
	owner := fmt.Sprintf("%d/%d", h.Uid, h.Gid)
	if h.Uname != "" && !u.numeric {
		owner = h.Uname + "/" + h.Gname
	}
	u.width = max(u.width, len(owner)+1+len(strconv.FormatInt(h.Size, 10)), 19)
	text := fmt.Sprintf("%s %s %*d %s %s", permissions.Text(mode), owner, u.width-len(owner)-1, h.Size, h.ModTime.Format("2006-01-02 15:04"), h.Name)
	switch h.Typeflag {
	case tar.TypeSymlink:
		text += " -> " + h.Linkname
	case tar.TypeLink:
		text += " link to " + h.Linkname
	}
	return tool.Printable(text)
}
