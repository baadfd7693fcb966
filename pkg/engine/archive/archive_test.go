package archive_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/nsjoin/docker-nsjoin/pkg/engine/archive"
	"github.com/nsjoin/docker-nsjoin/pkg/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// engine answers with one file, whatever is asked for.
type engine struct {
	stat    container.PathStat
	statErr error
	archive []byte
	getErr  error
	closed  int
	others  map[string]container.PathStat // other files
}

func (e *engine) ContainerStatPath(_ context.Context, _, name string) (container.PathStat, error) {
	if other, ok := e.others[name]; ok {
		return other, nil
	}
	return e.stat, e.statErr
}

func (e *engine) CopyFromContainer(context.Context, string, string) (io.ReadCloser, container.PathStat, error) {
	if e.getErr != nil {
		return nil, container.PathStat{}, e.getErr
	}
	return body{bytes.NewReader(e.archive), e}, e.stat, nil
}

type body struct {
	io.Reader
	of *engine
}

func (b body) Close() error { b.of.closed++; return nil }

// pack makes an archive of entries, without its end.
func pack(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range entries {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(bytes.Repeat([]byte("a"), int(h.Size))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestRead(t *testing.T) {
	ctx := context.Background()
	e := &engine{stat: container.PathStat{Mode: 0o755, Size: 3}, archive: pack(t, tar.Header{Typeflag: tar.TypeReg, Name: "x", Size: 3, Uid: 5, Gid: 6})}
	tree := archive.New(e, "id")
	f, err := tree.Open(ctx, "/x")
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(f)
	f.Close()
	if err != nil || string(content) != "aaa" {
		t.Errorf("%q, %v", content, err)
	}
	if uid, gid, err := tree.Owner(ctx, "/x"); err != nil || uid != 5 || gid != 6 {
		t.Errorf("%d %d %v", uid, gid, err)
	}
	e = &engine{stat: container.PathStat{Mode: fs.ModeSymlink}, archive: pack(t, tar.Header{Typeflag: tar.TypeSymlink, Name: "x", Linkname: "../y"})}
	if target, err := archive.New(e, "id").Readlink(ctx, "/x"); err != nil || target != "../y" {
		t.Errorf("%q, %v", target, err)
	}
	// Podman's archive is of what the link leads to.
	e = &engine{stat: container.PathStat{Mode: fs.ModeSymlink, LinkTarget: "/y/z"}, archive: pack(t, tar.Header{Typeflag: tar.TypeReg, Name: "x"})}
	if target, err := archive.OfPodman(e, "id", true).Readlink(ctx, "/x"); err != nil || target != "/y/z" {
		t.Errorf("Podman's: %q, %v", target, err)
	}
	e = &engine{stat: container.PathStat{Mode: fs.ModeDir}, archive: pack(t,
		tar.Header{Typeflag: tar.TypeDir, Name: "x/"}, tar.Header{Typeflag: tar.TypeReg, Name: "x/a", Size: 5}, tar.Header{Typeflag: tar.TypeDir, Name: "x/b/"},
		tar.Header{Typeflag: tar.TypeReg, Name: "x/b/c"}, tar.Header{Typeflag: tar.TypeReg, Name: "x/../../d"}, tar.Header{Typeflag: tar.TypeReg, Name: "/e"})}
	if names, err := archive.New(e, "id").Names(ctx, "/x"); err != nil || strings.Join(names, " ") != "a b" {
		t.Errorf("%q, %v", names, err)
	}
	if e.closed != 1 {
		t.Errorf("closed %d times", e.closed)
	}
}

// Podman's service opens the files with the users before it archives any file, so it is not asked for that if one is a FIFO.
func TestPodmanIsNotMadeToWait(t *testing.T) {
	fifo, link := container.PathStat{Mode: fs.ModeNamedPipe}, func(to string) container.PathStat {
		return container.PathStat{Mode: fs.ModeSymlink, LinkTarget: to}
	}
	for name, row := range map[string]struct {
		others map[string]container.PathStat
		reads  bool
	}{
		"regular files":        {nil, true},
		"a FIFO":               {map[string]container.PathStat{"/etc/passwd": fifo}, false},
		"a directory":          {map[string]container.PathStat{"/etc/group": {Mode: fs.ModeDir}}, false},
		"a link to a file":     {map[string]container.PathStat{"/etc/group": link("/y")}, true},
		"a link to a FIFO":     {map[string]container.PathStat{"/etc/group": link("/y"), "/y": fifo}, false},
		"a link to /proc/kmsg": {map[string]container.PathStat{"/etc/passwd": link("/proc/kmsg")}, false},
	} {
		e := &engine{
			stat: container.PathStat{Mode: 0o755, Size: 3}, others: row.others,
			archive: pack(t, tar.Header{Typeflag: tar.TypeReg, Name: "x", Size: 3}), getErr: errors.New("asked"),
		}
		_, err := archive.OfPodman(e, "id", true).Open(context.Background(), "/x")
		_, refused := errors.AsType[*archive.UnreadableError](err)
		if asked := err != nil && strings.Contains(err.Error(), "asked"); asked != row.reads || !asked && !refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A file that is not of the type that was asked for is not read, and a hostile answer is an error about that file.
func TestHostileAnswers(t *testing.T) {
	file := container.PathStat{Mode: 0o755, Size: 3}
	for name, e := range map[string]*engine{
		"a FIFO":                {stat: container.PathStat{Mode: fs.ModeNamedPipe | 0o666}},
		"a device":              {stat: container.PathStat{Mode: fs.ModeDevice | 0o666}},
		"a socket":              {stat: container.PathStat{Mode: fs.ModeSocket | 0o666}},
		"a directory":           {stat: container.PathStat{Mode: fs.ModeDir | 0o755}},
		"a negative size":       {stat: container.PathStat{Size: -1}},
		"a FIFO now":            {stat: file, archive: pack(t, tar.Header{Typeflag: tar.TypeFifo, Name: "x"})},
		"a link now":            {stat: file, archive: pack(t, tar.Header{Typeflag: tar.TypeSymlink, Name: "x", Linkname: "/etc/shadow"})},
		"a hard link":           {stat: file, archive: pack(t, tar.Header{Typeflag: tar.TypeLink, Name: "x", Linkname: "/etc/shadow"})},
		"a file that has grown": {stat: file, archive: pack(t, tar.Header{Typeflag: tar.TypeReg, Name: "x", Size: 4})},
		"no archive":            {stat: file, archive: []byte("no archive")},
		"an empty answer":       {stat: file},
		"the engine's refusal":  {stat: file, getErr: errdefs.ErrInternal},
		"a refused stat":        {statErr: errdefs.ErrInternal},
		"a request that hangs":  {statErr: context.DeadlineExceeded},
	} {
		_, err := archive.New(e, "id").Open(context.Background(), "/x")
		if _, ok := errors.AsType[*archive.UnreadableError](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	gone := &engine{statErr: errdefs.ErrNotFound}
	if _, _, err := archive.New(gone, "id").Lstat(context.Background(), "/x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, _, err := archive.New(&engine{statErr: context.Canceled}, "id").Lstat(context.Background(), "/x"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("canceled: %v", err)
	} else if _, ok := errors.AsType[*archive.UnreadableError](err); ok {
		t.Errorf("canceled: it is about one file: %v", err)
	}
}

// A directory with many files or much content is refused, and so are endless requests.
func TestLimits(t *testing.T) {
	ctx := context.Background()
	dir := container.PathStat{Mode: fs.ModeDir}
	many := []tar.Header{{Typeflag: tar.TypeDir, Name: "x/"}}
	for i := range 2000 {
		many = append(many, tar.Header{Typeflag: tar.TypeReg, Name: "x/" + strings.Repeat("a", i%100) + string(rune('a'+i%26))})
	}
	if names, err := archive.New(&engine{stat: dir, archive: pack(t, many...)}, "id").Names(ctx, "/x"); err == nil {
		t.Errorf("%d names", len(names))
	}
	large := pack(t, tar.Header{Typeflag: tar.TypeDir, Name: "x/"}, tar.Header{Typeflag: tar.TypeReg, Name: "x/a", Size: 20 << 20}, tar.Header{Typeflag: tar.TypeReg, Name: "x/b"})
	if names, err := archive.New(&engine{stat: dir, archive: large}, "id").Names(ctx, "/x"); err == nil {
		t.Errorf("of a large directory: %q", names)
	}
	tree := archive.New(&engine{stat: container.PathStat{Mode: fs.ModeSymlink}, archive: pack(t, tar.Header{Typeflag: tar.TypeSymlink, Name: "x", Linkname: "x"})}, "id")
	for n := 0; ; n++ {
		if _, err := tree.Readlink(ctx, "/x"); err != nil {
			break
		}
		if n > 10_000 {
			t.Fatal("no end")
		}
	}
}

// FuzzArchive reads any archive as that of a file, a link and a directory.
func FuzzArchive(f *testing.F) {
	f.Add(pack(f, tar.Header{Typeflag: tar.TypeReg, Name: "x", Size: 3}), int64(3))
	f.Add(pack(f, tar.Header{Typeflag: tar.TypeSymlink, Name: "x", Linkname: strings.Repeat("/y", 200)}), int64(0))
	f.Add(pack(f, tar.Header{Typeflag: tar.TypeDir, Name: "x/"}, tar.Header{Typeflag: tar.TypeReg, Name: "x/a", Size: 600}), int64(0))
	f.Add([]byte("no archive"), int64(1<<40))
	f.Fuzz(func(t *testing.T, data []byte, size int64) {
		for _, mode := range []fs.FileMode{0o644, fs.ModeSymlink, fs.ModeDir} {
			readAll(t, archive.New(&engine{stat: container.PathStat{Mode: mode, Size: size}, archive: data}, "id"), size)
		}
	})
}

// readAll reads a file of a size in every way.
func readAll(t *testing.T, tree *archive.Tree, size int64) {
	t.Helper()
	ctx := context.Background()
	if c, err := tree.Open(ctx, "/x"); err == nil {
		if n, _ := io.Copy(io.Discard, c); n > size {
			t.Errorf("%d bytes of a file of %d", n, size)
		}
		c.Close()
	}
	_, _ = tree.Readlink(ctx, "/x")
	if uid, gid, err := tree.Owner(ctx, "/x"); err == nil && (uid < 0 || gid < 0) {
		t.Errorf("owner %d %d", uid, gid)
	}
	names, _ := tree.Names(ctx, "/x")
	for _, name := range names {
		if strings.Contains(name, "/") || name == "" || name == ".." {
			t.Errorf("name %q", name)
		}
	}
}
