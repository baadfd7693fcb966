// Package dataroot reads what a Docker engine keeps of its containers on its own host, for when
// the engine does not answer. It writes nothing, and reads only what nobody but root can have
// written: each directory on the way belongs to root, no file is reached through another's link,
// and every read has a bound. What it says of a container is no proof that it runs.
package dataroot

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// maxContainers bounds how many containers of an engine are looked at.
const maxContainers = 20000

// Root is the directory of one engine.
type Root struct {
	// Path is its data root, as the engine has it.
	Path string
	dirs []*os.File // of its containers; with userns-remap that of each mapping
	by   map[string]*os.File
}

// Open finds the data root of the engine that listens on the UNIX socket, or did. named is the
// directory that the user names, or "".
func Open(socket, named string) (*Root, error) {
	host, err := os.Open("/")
	if err != nil {
		return nil, err
	}
	defer host.Close()
	isDefault, d, err := engineOf(host, socket)
	if err != nil {
		return nil, err
	}
	root, dir := host, named
	if d != nil {
		defer d.close()
		root = d.root // it may have mounts of its own
	}
	switch {
	case dir != "":
	case d != nil:
		dir, err = d.dataRoot()
	case isDefault:
		dir, err = configured(host, defaultConfig)
	default:
		err = exit.Hint(fmt.Errorf("no engine of this host listens on %s, so its files are not known", socket),
			"--data-root DIR names the directory of the engine's files")
	}
	if err != nil {
		return nil, err
	}
	return openRoot(root, dir)
}

// engineOf tells whether a socket is the default engine's, and which engine is behind it, nil if
// there is none or it is not known. Nothing connects to a default socket whose engine has ended:
// systemd may listen there, and would start it.
func engineOf(host *os.File, socket string) (isDefault bool, d *dockerd, err error) {
	dir, err := open(host, path.Dir(socket))
	if err != nil {
		return false, nil, fmt.Errorf("the engine's socket: %w", err)
	}
	defer dir.Close()
	isDefault = path.Base(socket) == path.Base(defaultSocket) && sameDir(dir, path.Dir(defaultSocket))
	if isDefault {
		if d, err = holdDockerd(fromPidfile(host)); err != nil {
			return isDefault, nil, nil //nolint:nilerr // the default engine has ended
		}
	}
	listening, err := behind(dir, socket)
	if err != nil && d != nil {
		d.close()
	}
	if err != nil || listening == nil {
		return isDefault, d, err
	}
	if d != nil {
		d.close()
	}
	return isDefault, listening, nil
}

// behind is the engine that listens on a socket in dir; nil where nobody does, or another, such
// as systemd for an engine.
func behind(dir *os.File, socket string) (*dockerd, error) {
	fd, err := unix.Openat(int(dir.Fd()), path.Base(socket), unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the engine's socket %s: %w", socket, err)
	}
	f := os.NewFile(uintptr(fd), socket)
	defer f.Close()
	st, err := trusted(f)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		err = errors.New("it is not a socket")
	}
	if err != nil {
		return nil, fmt.Errorf("the engine's socket %s: %w", socket, err)
	}
	pid, err := listener(f)
	if err != nil {
		return nil, nil //nolint:nilerr // nobody listens
	}
	d, err := holdDockerd(pid)
	if err != nil {
		return nil, nil //nolint:nilerr // another listens
	}
	return d, nil
}

func sameDir(dir *os.File, path string) bool {
	var a, b unix.Stat_t
	return unix.Fstat(int(dir.Fd()), &a) == nil && unix.Stat(path, &b) == nil && a.Dev == b.Dev && a.Ino == b.Ino
}

// openRoot opens the directories of an engine's containers.
func openRoot(host *os.File, dir string) (*Root, error) {
	at, err := open(host, dir)
	if err != nil {
		return nil, fmt.Errorf("the engine's files: %w", err)
	}
	defer at.Close()
	r := &Root{Path: dir, by: make(map[string]*os.File)}
	names, err := list(at)
	if err != nil {
		return nil, fmt.Errorf("the engine's files in %s: %w", dir, err)
	}
	parts := []string{"containers"}
	for _, name := range names {
		if isMapping(name) { // --userns-remap
			parts = append(parts, name+"/containers")
		}
	}
	for _, part := range parts {
		if found, err := open(at, "/"+part); err == nil {
			r.dirs = append(r.dirs, found)
		}
	}
	if len(r.dirs) == 0 {
		return nil, exit.Hint(fmt.Errorf("%s is not the directory of an engine: it has no containers that belong to root", dir),
			"--data-root DIR names the directory of the engine's files")
	}
	return r, nil
}

// Close closes what Open opened.
func (r *Root) Close() {
	for _, d := range r.dirs {
		d.Close()
	}
}

// IDs are those of all containers that the engine has, whether or not they run.
func (r *Root) IDs() ([]string, error) {
	var ids []string
	for _, d := range r.dirs {
		names, err := list(d)
		if err != nil {
			return nil, fmt.Errorf("the engine's containers in %s: %w", r.Path, err)
		}
		for _, name := range names {
			if isID(name) {
				r.by[name] = d
				ids = append(ids, name)
			}
		}
	}
	return ids, nil
}

// Read reads a file that the engine keeps of a container, by an ID of IDs.
func (r *Root) Read(id, file string) ([]byte, error) {
	dir := r.by[id]
	if dir == nil {
		return nil, fmt.Errorf("container %.12s: %w", id, os.ErrNotExist)
	}
	at, err := open(dir, "/"+id)
	if err != nil {
		return nil, err
	}
	defer at.Close()
	return read(at, file, maxFile)
}

// list is the names in a directory.
func list(dir *os.File) ([]string, error) {
	fd, err := unix.Openat(int(dir.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), ".")
	defer f.Close()
	names, err := f.Readdirnames(maxContainers + 1)
	if len(names) > maxContainers {
		return nil, fmt.Errorf("there are more than %d", maxContainers)
	}
	if len(names) == 0 {
		return nil, nil // io.EOF
	}
	return names, err
}

const idDigits = 64

func isHex(c rune) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }

func isID(name string) bool {
	return len(name) == idDigits && strings.IndexFunc(name, func(c rune) bool { return !isHex(c) }) < 0
}

// isMapping tells the name of the directory of a user namespace, UID.GID.
func isMapping(name string) bool {
	uid, gid, ok := strings.Cut(name, ".")
	number := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	return ok && number(uid) && number(gid)
}
