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
	"os"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"golang.org/x/sys/unix"

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
		if header.Typeflag == tar.TypeXGlobalHeader { // of git archive: it is about the archive
			continue
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
			if regular(header) {
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
	for _, directorie := range slices.Backward(directories) {
		if name := a.target(directorie.Name); name != "" {
			a.attributes(root, name, directorie)
		}
	}
	for _, name := range names {
		if !found[name] {
			a.fail(fmt.Errorf("%s: not in the archive", tool.Printable(name)))
		}
	}
	return nil
}

// regular reports whether an entry is a file. The reader fills the holes of a sparse one.
func regular(h *tar.Header) bool {
	return h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeGNUSparse || h.Typeflag == tar.TypeCont
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
		tar.TypeReg: unix.S_IFREG, tar.TypeGNUSparse: unix.S_IFREG, tar.TypeCont: unix.S_IFREG, tar.TypeDir: unix.S_IFDIR, tar.TypeSymlink: unix.S_IFLNK, tar.TypeFifo: unix.S_IFIFO,
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
