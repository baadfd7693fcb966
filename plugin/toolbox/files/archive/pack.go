package archive

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// nothing closes a writer that is not to be closed.
type nothing struct{ io.Writer }

func (nothing) Close() error { return nil }

// record is the unit of an archive's length in bytes: some readers of tapes and pipes want whole ones.
const record = 10240

// counted counts what is written.
type counted struct {
	io.Writer
	n int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	c.n += int64(n)
	return n, err
}

func (a *archive) pack(items []packed) error {
	if len(items) == 0 && len(a.nameFiles) == 0 {
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
	p := &packing{archive: a, links: make(map[walk.ID]string)}
	if err := unix.Fstat(int(out.Fd()), &p.self); err == nil {
		p.known = true
	}
	buffered := bufio.NewWriterSize(out, 1<<20)
	compressed, err := a.compressor(buffered)
	if err != nil {
		return err
	}
	length := &counted{Writer: compressed}
	p.w = tar.NewWriter(length)
	for _, item := range items {
		if err := p.item(item); err != nil {
			return err
		}
	}
	if err := p.w.Close(); err != nil {
		return err
	}
	_, err = io.CopyN(length, zeros{}, (record-length.n%record)%record)
	return errors.Join(err, compressed.Close(), buffered.Flush())
}

// packing is the making of an archive.
type packing struct {
	*archive
	w     *tar.Writer
	links map[walk.ID]string
	self  unix.Stat_t // the archive, if it is known
	known bool
}

// item packs an argument with all beneath it. Only an error of the archive is returned.
func (p *packing) item(item packed) error {
	root := item.name
	if !filepath.IsAbs(root) {
		root = filepath.Join(item.dir, root)
	}
	var broken error // of the archive
	var system walk.ID
	tree := walk.Walk{Links: p.follow, Fail: p.fail, Enter: func(f *walk.File) error {
		inside := strings.TrimRight(item.name, "/")
		if below := f.Below(); below != "" {
			inside += "/" + below
		}
		if f.Depth == 0 {
			system = walk.Identity(&f.Stat)
		}
		if p.excluded(inside) || p.oneSystem && !walk.Identity(&f.Stat).SameDevice(system) {
			return fs.SkipDir
		}
		if broken = p.add(f, inside); broken != nil {
			return fs.SkipAll
		}
		if p.alone {
			return fs.SkipDir
		}
		return nil
	}}
	tree.Through(walk.Argument(root))
	return broken
}

// header describes a file, or returns nothing if it is left out.
func (p *packing) header(f *walk.File, name string) *tar.Header {
	s := &f.Stat
	header := &tar.Header{
		Name: name, ModTime: time.Unix(s.Mtim.Unix()).Truncate(time.Second),
		Mode: int64(s.Mode & 0o7777), Uid: int(s.Uid), Gid: int(s.Gid),
	}
	if !p.absolute {
		header.Name = strings.TrimLeft(name, "/")
	}
	if !p.numeric {
		header.Uname, header.Gname = accounts.Users().Name(s.Uid), accounts.Groups().Name(s.Gid)
	}
	if p.user != nil {
		header.Uid, header.Uname = p.user.id, p.user.name
	}
	if p.team != nil {
		header.Gid, header.Gname = p.team.id, p.team.name
	}
	if p.modified != "" {
		header.ModTime = p.at
	}
	switch walk.Kind(s) {
	case unix.S_IFSOCK:
		p.fail(f.Errorf("a socket is left out"))
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
		if first := p.links[id]; first != "" {
			header.Typeflag, header.Linkname = tar.TypeLink, first
			break
		}
		if s.Nlink > 1 {
			p.links[id] = header.Name
		}
		header.Typeflag, header.Size = tar.TypeReg, s.Size
	}
	return header
}

// add adds a file. Only an error of the archive is returned.
func (p *packing) add(f *walk.File, name string) error {
	if p.known && walk.Identity(&f.Stat) == walk.Identity(&p.self) {
		return nil // the archive itself
	}
	header := p.header(f, name)
	if header == nil {
		return nil
	}
	if p.verbose {
		names := tool.Stdout
		if p.file == "-" { // the archive is there
			names = os.Stderr
		}
		fmt.Fprintln(names, tool.Printable(header.Name))
	}
	if header.Typeflag != tar.TypeReg {
		return p.w.WriteHeader(header)
	}
	in, err := f.Regular(p.follow)
	if err != nil {
		p.fail(err)
		return nil
	}
	defer in.Close()
	if err := p.w.WriteHeader(header); err != nil {
		return err
	}
	// A file that has become shorter is filled up, since its size is already written.
	n, err := io.Copy(p.w, io.LimitReader(in, header.Size))
	if missing := header.Size - n; err == nil && missing > 0 {
		p.fail(f.Errorf("it became shorter"))
		_, err = io.CopyN(p.w, zeros{}, missing)
	}
	return err
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
