// Package archive reads a container's files through the engine's archive API, which docker cp uses: of any container,
// running or not, and without rights on the engine's host. It does not see the container's tmpfs, /proc, /sys and /dev.
//
// The files are hostile: the container's root chooses types, sizes, links and owners, and may change them at any time.
// So each file's type is asked for first (HEAD), only regular files, links and directories are read (GET), links are
// never followed here, and time, sizes and the number of requests are bounded. Paths are resolved by the caller; the
// engine resolves what was made a link meanwhile, within the container's root.
package archive

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
)

// Client is the part of the engine's client that reads files.
type Client interface {
	ContainerStatPath(ctx context.Context, id, path string) (container.PathStat, error)
	CopyFromContainer(ctx context.Context, id, path string) (io.ReadCloser, container.PathStat, error)
}

// Limits of what is read.
const (
	maxRequests = 5000
	maxNames    = 1024
	maxListing  = 16 << 20 // bytes of the archive of a directory, which has the content of its files
	timeout     = 20 * time.Second
)

// Tree is the file system of a container.
type Tree struct {
	engine   Client
	id       string
	known    map[string]container.PathStat
	missing  map[string]error
	requests int
	podman   bool
	running  bool
	checked  bool
}

// New returns the file system of the container with a full ID.
func New(engine Client, id string) *Tree {
	return &Tree{engine: engine, id: id, known: make(map[string]container.PathStat), missing: make(map[string]error)}
}

// OfPodman returns the file system of a container of Podman's service. That opens the container's /etc/passwd and /etc/group
// before it archives anything, and holds the container's lock meanwhile: a FIFO there would make it wait without end. So
// their types are asked for before. One that is running can change them at any time, so that is repeated for each archive.
func OfPodman(from Client, id string, running bool) *Tree {
	t := New(from, id)
	t.podman, t.running = true, running
	return t
}

// UnreadableError is the engine's answer that it cannot read a file, or an answer that cannot be right.
type UnreadableError struct {
	Path string
	Why  string
}

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("the engine cannot read %s: %s", e.Path, e.Why)
}

// Unreadable reports that the error is about one file, and not about the engine.
func (e *UnreadableError) Unreadable() bool { return true }

// Lstat returns the type and permissions of a file, and its size in bytes. A link is not followed; what name leads
// through must not be a link. The error is fs.ErrNotExist if there is no such file.
func (t *Tree) Lstat(ctx context.Context, name string) (mode fs.FileMode, size int64, err error) {
	st, err := t.stat(ctx, name)
	return st.Mode, st.Size, err
}

func (t *Tree) stat(ctx context.Context, name string) (container.PathStat, error) {
	if st, ok := t.known[name]; ok {
		return st, nil
	}
	if err, ok := t.missing[name]; ok {
		return container.PathStat{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := t.count(name); err != nil {
		return container.PathStat{}, err
	}
	st, err := t.engine.ContainerStatPath(ctx, t.id, name)
	if err != nil && !errdefs.IsNotFound(err) && engine.Answered(err) {
		err = &UnreadableError{name, "it may be a loop of links"} // the answer to HEAD has no text
	}
	if err == nil && st.Size < 0 {
		err = &UnreadableError{name, fmt.Sprintf("its size is %d", st.Size)}
	}
	if err != nil {
		err = explain(err, name)
		if errors.Is(err, fs.ErrNotExist) {
			t.missing[name] = err
		}
		return container.PathStat{}, err
	}
	t.known[name] = st
	return st, nil
}

// count counts a request.
func (t *Tree) count(name string) error {
	if t.requests++; t.requests > maxRequests {
		return &UnreadableError{name, "too many files had to be read before"}
	}
	return nil
}

// Readlink returns the target of a link. Podman archives what the link leads to instead, but says where that is.
func (t *Tree) Readlink(ctx context.Context, name string) (string, error) {
	if st, err := t.stat(ctx, name); err == nil && t.podman && st.Mode.Type() == fs.ModeSymlink && path.IsAbs(st.LinkTarget) {
		return st.LinkTarget, nil
	}
	header, content, err := t.open(ctx, name, fs.ModeSymlink, tar.TypeSymlink)
	if err != nil {
		return "", err
	}
	content.Close()
	return header.Linkname, nil
}

// Owner returns the user and group of a file or directory.
func (t *Tree) Owner(ctx context.Context, name string) (uid, gid int, err error) {
	st, err := t.stat(ctx, name)
	if err != nil {
		return 0, 0, err
	}
	kind := byte(tar.TypeReg)
	if st.Mode.IsDir() {
		kind = tar.TypeDir
	}
	header, content, err := t.open(ctx, name, st.Mode.Type(), kind)
	if err != nil {
		return 0, 0, err
	}
	content.Close()
	return header.Uid, header.Gid, nil
}

// Open returns the content of a regular file, at most as many bytes as Lstat said.
func (t *Tree) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	_, content, err := t.open(ctx, name, 0, tar.TypeReg)
	if err != nil {
		return nil, err
	}
	return content, nil
}

// Names returns the names in a directory. It fails if there are many, or if their files are large.
func (t *Tree) Names(ctx context.Context, name string) ([]string, error) {
	header, content, err := t.open(ctx, name, fs.ModeDir, tar.TypeDir)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	var names []string
	prefix := path.Clean(header.Name) + "/"
	for {
		entry, err := content.archive.Next()
		switch {
		case errors.Is(err, io.EOF) && content.limit.N > 0:
			return names, nil
		case err != nil:
			return nil, &UnreadableError{name, "it is a large directory, or its archive is damaged"}
		case len(names) == maxNames:
			return nil, &UnreadableError{name, fmt.Sprintf("it has more than %d files", maxNames)}
		}
		if base, ok := strings.CutPrefix(path.Clean(entry.Name), prefix); ok && base != "" && !strings.Contains(base, "/") {
			names = append(names, base)
		}
	}
}

// checkAccounts returns an error if Podman's service could wait for one of the files that it opens for an archive.
func (t *Tree) checkAccounts(ctx context.Context) error {
	for _, name := range []string{"/etc/passwd", "/etc/group"} {
		st, err := t.engine.ContainerStatPath(ctx, t.id, name)
		if err == nil && st.Mode.Type() == fs.ModeSymlink { // all links have been followed
			target := path.Join("/", st.LinkTarget)
			if st, err = t.engine.ContainerStatPath(ctx, t.id, target); strings.HasPrefix(target, "/proc/") {
				st.Mode |= fs.ModeIrregular // such a file may not end
			}
		}
		switch {
		case errdefs.IsNotFound(err):
		case err != nil:
			return explain(err, name)
		case !st.Mode.IsRegular():
			return &UnreadableError{name, "it is not a regular file, and Podman's service, which opens it to read any file, could wait without end"}
		}
	}
	return nil
}

// content is the archive of one file or directory, behind the first header.
type content struct {
	archive *tar.Reader
	limit   *io.LimitedReader
	body    io.Closer
	cancel  context.CancelFunc
}

func (c *content) Read(p []byte) (int, error) { return c.archive.Read(p) }

func (c *content) Close() error {
	c.cancel() // else the client would read the rest
	return c.body.Close()
}

// open begins to read the archive of a file, which must have a type, and returns its first header.
func (t *Tree) open(ctx context.Context, name string, mode fs.FileMode, kind byte) (*tar.Header, *content, error) {
	st, err := t.stat(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	if st.Mode.Type() != mode || mode&^(fs.ModeDir|fs.ModeSymlink) != 0 {
		return nil, nil, &UnreadableError{name, "it is of another type: " + st.Mode.Type().String()}
	}
	if err := t.count(name); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	if t.podman && (t.running || !t.checked) {
		if err := t.checkAccounts(ctx); err != nil {
			cancel()
			return nil, nil, err
		}
		t.checked = true
	}
	body, _, err := t.engine.CopyFromContainer(ctx, t.id, name)
	if err != nil {
		cancel()
		return nil, nil, explain(err, name)
	}
	const headers = 4 << 20
	c := &content{limit: &io.LimitedReader{R: body, N: headers + st.Size}, body: body, cancel: cancel}
	if mode.IsDir() {
		c.limit.N = maxListing
	}
	c.archive = tar.NewReader(c.limit)
	header, err := c.archive.Next()
	switch {
	case err != nil:
		err = &UnreadableError{name, "its archive is damaged"}
	case header.Typeflag != kind:
		err = &UnreadableError{name, "it has changed its type"}
	case kind == tar.TypeReg && header.Size > st.Size:
		err = &UnreadableError{name, "it has grown"}
	case header.Uid < 0 || header.Gid < 0:
		err = &UnreadableError{name, "its owner is invalid"}
	}
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	return header, c, nil
}

// explain makes an error about one file of the engine's answer about it.
func explain(err error, name string) error {
	if errdefs.IsNotFound(err) {
		return &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	if _, ok := errors.AsType[*UnreadableError](err); ok {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &UnreadableError{name, "the engine does not answer in time"}
	}
	if engine.Answered(err) {
		return &UnreadableError{name, engine.Message(err)}
	}
	return engine.ExplainAs(err, "ask the engine for "+name, "read "+name)
}
