package launch_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"path"
	"runtime"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/launch"
	"github.com/nsjoin/docker-nsjoin/pkg/payload"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

func TestArchive(t *testing.T) {
	helper, _, err := payload.Helper(runtime.GOARCH)
	if err != nil {
		t.Fatalf("%v; make helper builds it", err)
	}
	program, err := io.ReadAll(helper)
	if err != nil {
		t.Fatal(err)
	}
	r := &request.Request{Version: request.Version, Base: request.Host(), Command: []string{"ls", "-l"}, Call: launch.NewCall()}
	for name, compress := range map[string]bool{"plain": false, "compressed": true} {
		t.Run(name, func(t *testing.T) {
			archive, err := launch.Archive(r, runtime.GOARCH, compress)
			if err == nil && compress {
				archive, err = gzip.NewReader(archive)
			}
			if err != nil {
				t.Fatal(err)
			}
			unpacked := tar.NewReader(archive)
			nextEntry(t, unpacked, path.Dir(launch.Args(r.Call)[0])+"/", 0o555)
			if got := nextEntry(t, unpacked, launch.Args(r.Call)[0], 0o555); !bytes.Equal(got, program) {
				t.Errorf("the helper has %d bytes, want %d", len(got), len(program))
			}
			document := nextEntry(t, unpacked, launch.Args(r.Call)[1], 0o400)
			if got, err := request.Read(bytes.NewReader(document)); err != nil || len(got.Command) != 2 {
				t.Errorf("the request is %+v, %v", got, err)
			}
			if _, err := unpacked.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("after the last file: %v", err)
			}
		})
	}
}

// nextEntry reads the next file of an archive.
func nextEntry(t *testing.T, archive *tar.Reader, path string, mode int64) []byte {
	t.Helper()
	head, err := archive.Next()
	if err != nil || "/"+head.Name != path || head.Mode != mode {
		t.Fatalf("next is %+v, %v; want %s", head, err, path)
	}
	text, err := io.ReadAll(archive)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// An image can have files and volumes with any name that is known before the call.
func TestHostileImageCantPredictPaths(t *testing.T) {
	one, other := launch.Args(launch.NewCall()), launch.Args(launch.NewCall())
	if dir := path.Dir(one[0]); dir == "/" || path.Dir(one[1]) != dir || dir == path.Dir(other[0]) {
		t.Errorf("paths %q, and of another call %q", one, other)
	}
}

func TestArchiveForUnknownArchitecture(t *testing.T) {
	_, err := launch.Archive(&request.Request{}, "vax", false)
	if !errors.Is(err, fs.ErrNotExist) || err.Error() != "this plugin contains no helper for linux/vax: "+
		"open helpers/linux_vax.gz: file does not exist" {
		t.Errorf("%v", err)
	}
}
