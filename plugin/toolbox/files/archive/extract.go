package archive

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

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
	if done, err := a.makeRoom(root, name, h); done || err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		if err := unpackFile(root, name, r); err != nil {
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

// makeRoom removes what has the name of a file. It reports whether there is nothing to do: a link that is there.
func (a *archive) makeRoom(root *os.Root, name string, h *tar.Header) (done bool, err error) {
	info, err := root.Lstat(name)
	there := err == nil
	if there && a.keepOld {
		return false, fmt.Errorf("%s: it is there already", tool.Printable(name))
	}
	if h.Typeflag == tar.TypeLink { // nothing is removed for a link that can't be made, or that is there
		first, err := root.Lstat(a.target(h.Linkname))
		if err != nil || there && os.SameFile(first, info) {
			return true, err
		}
	}
	if there && !info.IsDir() {
		return false, root.Remove(name)
	}
	return false, nil
}

func unpackFile(root *os.Root, name string, r io.Reader) error {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, r)
	return errors.Join(err, file.Close())
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
