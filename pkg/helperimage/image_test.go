package helperimage_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"testing"

	digests "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/nsjoin/docker-nsjoin/pkg/helperimage"
	"github.com/nsjoin/docker-nsjoin/pkg/payload"
)

// The documents are compared with the types of OCI's own module.
func TestImage(t *testing.T) {
	own, err := helperimage.New(runtime.GOARCH)
	if err != nil {
		t.Fatalf("%v; make helper builds it", err)
	}
	for _, compress := range []bool{false, true} {
		files := unpack(t, own.Archive(compress), compress)
		var index ocispec.Index
		var manifest ocispec.Manifest
		var config ocispec.Image
		var saved []struct {
			Config   string
			RepoTags []string
			Layers   []string
		}
		parse(t, files["oci-layout"], &ocispec.ImageLayout{})
		parse(t, files["index.json"], &index)
		parse(t, files["manifest.json"], &saved)
		parse(t, content(t, files, index.Manifests[0]), &manifest)
		parse(t, content(t, files, manifest.Config), &config)
		layer := content(t, files, manifest.Layers[0])
		if own.Manifest != string(index.Manifests[0].Digest) || own.ID != string(manifest.Config.Digest) || !slices.Equal(own.IDs(), []string{own.ID, own.Manifest}) {
			t.Errorf("IDs %q, index %+v, manifest %+v", own.IDs(), index, manifest)
		}
		if err := index.Manifests[0].Digest.Validate(); err != nil || index.MediaType != ocispec.MediaTypeImageIndex ||
			manifest.MediaType != ocispec.MediaTypeImageManifest || manifest.Layers[0].MediaType != ocispec.MediaTypeImageLayer || manifest.Config.MediaType != ocispec.MediaTypeImageConfig {
			t.Errorf("%v: index %+v, manifest %+v", err, index, manifest)
		}
		if config.Architecture != runtime.GOARCH || config.OS != "linux" || config.RootFS.DiffIDs[0] != digests.FromBytes(layer) {
			t.Errorf("configuration %+v", config)
		}
		name := "docker-nsjoin/helper:" + strings.TrimPrefix(own.ID, "sha256:")[:12]
		if own.Name != name || !slices.Equal(saved[0].RepoTags, []string{name}) || index.Manifests[0].Annotations["io.containerd.image.name"] != "docker.io/"+name {
			t.Errorf("named %s and %q, %v", own.Name, saved[0].RepoTags, index.Manifests[0].Annotations)
		}
		if !bytes.Equal(files[saved[0].Config], content(t, files, manifest.Config)) || !bytes.Equal(files[saved[0].Layers[0]], layer) {
			t.Errorf("manifest.json names other files: %+v", saved)
		}
		checkLayer(t, layer)
	}
}

// checkLayer checks that a layer holds the helper and, besides, only empty directories.
func checkLayer(t *testing.T, layer []byte) {
	t.Helper()
	helper, _, err := payload.Helper(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	program, err := io.ReadAll(helper)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for archive := tar.NewReader(bytes.NewReader(layer)); ; {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if head.Typeflag == tar.TypeDir && head.Uid == 0 {
			continue
		}
		text, err := io.ReadAll(archive)
		found = err == nil && "/"+head.Name == helperimage.Program && head.Mode == 0o555 && bytes.Equal(text, program)
		if !found {
			t.Errorf("the layer holds %+v, %v", head, err)
		}
	}
	if !found {
		t.Error("the helper is not in the layer")
	}
}

// The same helper gives the same image everywhere, so that it is loaded once.
func TestImageIsReproducible(t *testing.T) {
	var ids []string
	for range 2 {
		own, err := helperimage.New(runtime.GOARCH)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(own.Archive(false))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		ids = append(ids, own.ID+own.Manifest+hex.EncodeToString(sum[:]))
	}
	if ids[0] != ids[1] {
		t.Errorf("%q", ids)
	}
}

func TestCopy(t *testing.T) {
	helper, _, err := payload.Helper(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	program, err := io.ReadAll(helper)
	if err != nil {
		t.Fatal(err)
	}
	for _, compress := range []bool{false, true} {
		archive, err := helperimage.Copy(runtime.GOARCH, "c0ffee", compress)
		if err != nil {
			t.Fatal(err)
		}
		files := unpack(t, archive, compress)
		path := helperimage.CopiedProgram("c0ffee")
		if !bytes.Equal(files[path[1:]], program) || len(files) != 1 {
			t.Errorf("compressed %t: %d files, the helper has %d bytes, want %d", compress, len(files), len(files[path[1:]]), len(program))
		}
	}
}

// An image can have files and volumes with any name that is known before the call.
func TestHostileImageCantPredictPaths(t *testing.T) {
	if one, other := helperimage.CopiedProgram("1"), helperimage.CopiedProgram("2"); one == other || !strings.Contains(one, "1/") {
		t.Errorf("paths %q and %q", one, other)
	}
}

func TestUnknownArchitecture(t *testing.T) {
	const want = "this plugin contains no helper for linux/vax: open helpers/linux_vax."
	_, err := helperimage.New("vax")
	_, copied := helperimage.Copy("vax", "c0ffee", false)
	for _, err := range []error{err, copied} {
		if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// A reader that stops early leaves nothing behind: package leaktest looks.
func TestArchiveIsClosedEarly(t *testing.T) {
	own, err := helperimage.New(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	own.Archive(true).Close()
}

// unpack reads the files of an archive, and closes it.
func unpack(t *testing.T, archive io.ReadCloser, compressed bool) map[string][]byte {
	t.Helper()
	defer archive.Close()
	var from io.Reader = archive
	if compressed {
		z, err := gzip.NewReader(archive)
		if err != nil {
			t.Fatal(err)
		}
		from = z
	}
	files := make(map[string][]byte)
	for r := tar.NewReader(from); ; {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if head.Typeflag == tar.TypeDir {
			continue
		}
		if files[head.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// content returns the file that a descriptor describes, which must have its digest and size.
func content(t *testing.T, files map[string][]byte, d ocispec.Descriptor) []byte {
	t.Helper()
	text := files["blobs/sha256/"+d.Digest.Encoded()]
	if digests.FromBytes(text) != d.Digest || int64(len(text)) != d.Size {
		t.Fatalf("%d bytes for %+v", len(text), d)
	}
	return text
}

func parse(t *testing.T, text []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
}
