// Package dataroot reads the files that a Docker engine keeps about its containers on its own host, for calls
// without the engine. It writes nothing, and reads only files that nobody but root can have written: each directory
// of a path belongs to root, no file is read through another user's link, and the size of each read is limited. The
// files do not prove that a container runs.
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

// maxContainers limits how many containers of an engine are read.
const maxContainers = 20000

// Root is the data root of one engine.
type Root struct {
	// Path is the data root's path as the engine sees it.
	Path string
	dirs []*os.File // the containers directories: one, and with userns-remap one for each mapping
	by   map[string]*os.File
}

// Open finds the data root of the engine that listens, or listened, on a UNIX socket. named is the data root
// that the user gave with --data-root, or "".
func Open(socket, named string) (*Root, error) {
	host, err := os.Open("/")
	if err != nil {
		return nil, err
	}
	defer host.Close()
	isDefault, d, err := findEngine(host, socket)
	if err != nil {
		return nil, err
	}
	root, dir := host, named
	if d != nil {
		defer d.close()
		root = d.root // the engine may have its own mount namespace
	}
	switch {
	case dir != "":
	case d != nil:
		dir, err = d.dataRoot()
	case isDefault:
		dir, err = configuredRoot(host, defaultConfig)
	default:
		err = exit.Hint(fmt.Errorf("no engine of this host listens on %s, so the directory of its files is unknown", socket),
			"name the directory of the engine's files with --data-root DIR, such as /var/lib/docker")
	}
	if err != nil {
		return nil, err
	}
	return openRoot(root, dir)
}

// findEngine reports whether a socket is the default one, and finds the engine that listens on it; d is nil if no
// engine does or it cannot be identified. It does not connect to the default socket if the default engine has
// ended: systemd may listen there and would start the engine.
func findEngine(host *os.File, socket string) (isDefault bool, d *dockerd, err error) {
	dir, err := openTrusted(host, path.Dir(socket))
	if err != nil {
		return false, nil, fmt.Errorf("the engine's socket: %w", err)
	}
	defer dir.Close()
	isDefault = path.Base(socket) == path.Base(defaultSocket) && sameDir(dir, path.Dir(defaultSocket))
	if isDefault {
		if d, err = openDockerd(defaultEnginePID(host)); err != nil {
			return isDefault, nil, nil //nolint:nilerr // the default engine has ended
		}
	}
	listening, err := engineBehind(dir, socket)
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

// engineBehind returns the engine that listens on a socket in dir. It is nil if nothing listens or another program
// does, such as systemd on behalf of an engine.
func engineBehind(dir *os.File, socket string) (*dockerd, error) {
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
		err = errors.New("not a socket")
	}
	if err != nil {
		return nil, fmt.Errorf("the engine's socket %s: %w", socket, err)
	}
	pid, err := listenerPID(f)
	if err != nil {
		return nil, nil //nolint:nilerr // nothing listens
	}
	d, err := openDockerd(pid)
	if err != nil {
		return nil, nil //nolint:nilerr // another program listens
	}
	return d, nil
}

func sameDir(dir *os.File, path string) bool {
	var a, b unix.Stat_t
	return unix.Fstat(int(dir.Fd()), &a) == nil && unix.Stat(path, &b) == nil && a.Dev == b.Dev && a.Ino == b.Ino
}

// openRoot opens the directories of an engine's containers.
func openRoot(host *os.File, dir string) (*Root, error) {
	at, err := openTrusted(host, dir)
	if err != nil {
		return nil, fmt.Errorf("the engine's files: %w", err)
	}
	defer at.Close()
	r := &Root{Path: dir, by: make(map[string]*os.File)}
	names, err := listDir(at)
	if err != nil {
		return nil, fmt.Errorf("the engine's files in %s: %w", dir, err)
	}
	parts := []string{"containers"}
	for _, name := range names {
		if isMappingDir(name) { // of --userns-remap
			parts = append(parts, name+"/containers")
		}
	}
	for _, part := range parts {
		if found, err := openTrusted(at, "/"+part); err == nil {
			r.dirs = append(r.dirs, found)
		}
	}
	if len(r.dirs) == 0 {
		return nil, exit.Hint(fmt.Errorf("%s is not an engine's data root: it has no directory of containers that belongs to root", dir),
			"name the directory of the engine's files with --data-root DIR, such as /var/lib/docker")
	}
	return r, nil
}

// Close closes what Open opened.
func (r *Root) Close() {
	for _, d := range r.dirs {
		d.Close()
	}
}

// IDs lists the IDs of all containers that the engine has, running or not.
func (r *Root) IDs() ([]string, error) {
	var ids []string
	for _, d := range r.dirs {
		names, err := listDir(d)
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

// Read reads a file that the engine keeps about a container. id is one that IDs has returned.
func (r *Root) Read(id, file string) ([]byte, error) {
	dir := r.by[id]
	if dir == nil {
		return nil, fmt.Errorf("container %.12s: %w", id, os.ErrNotExist)
	}
	at, err := openTrusted(dir, "/"+id)
	if err != nil {
		return nil, err
	}
	defer at.Close()
	return readTrusted(at, file, maxFile)
}

// listDir lists the names in a directory.
func listDir(dir *os.File) ([]string, error) {
	fd, err := unix.Openat(int(dir.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), ".")
	defer f.Close()
	names, err := f.Readdirnames(maxContainers + 1)
	if len(names) > maxContainers {
		return nil, fmt.Errorf("more than %d entries", maxContainers)
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

// isMappingDir reports whether a name is that of a user namespace's directory, UID.GID.
func isMappingDir(name string) bool {
	uid, gid, ok := strings.Cut(name, ".")
	number := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	return ok && number(uid) && number(gid)
}
