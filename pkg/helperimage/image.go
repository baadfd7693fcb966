// Package helperimage makes what a helper's container is made from: an image that holds the helper, the other programs
// that a call needs, and nothing else; or an archive with these that is copied into a container of another image.
package helperimage

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/nsjoin/docker-nsjoin/pkg/helperimage/layer"
	"github.com/nsjoin/docker-nsjoin/pkg/payload"
	"github.com/nsjoin/docker-nsjoin/pkg/toolbox"
)

// Program is the path of the helper in the image.
const Program = layer.Helper

// Part is a program for a helper's container. In the image it has a layer of its own, which an engine stores once.
type Part struct {
	path  string                            // in the image
	layer func(arch string) (string, error) // its description, a line of package layer
	// open opens the program and returns its size in bytes.
	open func(arch string) (io.ReadCloser, int64, error)
}

// helper is the part that every container has.
var helper = Part{path: layer.Helper, layer: payload.Layer, open: openHelper}

// repository is the image's name without its tag.
const repository = "docker-nsjoin/helper"

// Toolbox is the part that has the toolbox's program.
var Toolbox = Part{path: layer.Toolbox, layer: toolbox.Layer, open: toolbox.Open}

// ToolboxProgram is the path of the toolbox's program in the image.
const ToolboxProgram = layer.Toolbox

func openHelper(arch string) (io.ReadCloser, int64, error) {
	program, size, err := payload.Helper(arch)
	return io.NopCloser(program), size, err
}

// Image is the image that holds the helper, and perhaps more, for one architecture. Its content decides its IDs; the engine
// checks them when it loads the image. Anybody who may load images can set its tag, so the tag identifies nothing.
type Image struct {
	// ID is the digest of its configuration, which is its ID in the engine's own store and in Podman's.
	ID string
	// Manifest is the digest of its manifest, which is its ID in containerd's store.
	Manifest string
	// Name is its tag, for people.
	Name string
	// Arch is the architecture, named like GOARCH.
	Arch string

	layers    []layerFile
	documents map[string][]byte // all other files of the archive
}

// layerFile is a layer in the archive.
type layerFile struct {
	part Part
	path string
	size int64 // in bytes
}

// blob is a file that is named by its digest.
type blob struct {
	text   []byte // of a document
	digest string // in hexadecimal digits
}

func newBlob(text []byte) blob {
	sum := sha256.Sum256(text)
	return blob{text: text, digest: hex.EncodeToString(sum[:])}
}

// id is the digest as documents and engines write it.
func (b blob) id() string { return "sha256:" + b.digest }

func (b blob) path() string { return "blobs/sha256/" + b.digest }

// New describes the image for linux/arch with the helper and more; arch is named like GOARCH. The same programs give
// the same image.
func New(arch string, more ...Part) (*Image, error) {
	i := &Image{Arch: arch}
	root := rootFS{Type: "layers"}
	var described []descriptor
	for _, part := range append([]Part{helper}, more...) {
		line, err := part.layer(arch)
		if err != nil {
			return nil, err
		}
		one, err := layer.Parse(line)
		if err != nil {
			return nil, fmt.Errorf("layer of %s for linux/%s: %w", part.path, arch, err)
		}
		content := blob{digest: one.Digest}
		root.DiffIDs = append(root.DiffIDs, content.id())
		described = append(described, descriptor{MediaType: typeLayer, Digest: content.id(), Size: one.Size})
		i.layers = append(i.layers, layerFile{part: part, path: content.path(), size: one.Size})
	}
	config := newDocument(ociConfig{Architecture: arch, OS: "linux", RootFS: root})
	manifest := newDocument(ociManifest{
		SchemaVersion: schemaVersion, MediaType: typeManifest,
		Config: config.describe(typeConfig), Layers: described,
	})
	const shown = 12
	i.ID, i.Manifest, i.Name = config.id(), manifest.id(), repository+":"+config.digest[:shown]
	i.pack(config, manifest)
	return i, nil
}

// IDs returns the IDs that the image can have, depending on the engine's store.
func (i *Image) IDs() []string { return []string{i.ID, i.Manifest} }

// pack adds the documents that engines read. The archive is an OCI image layout, which containerd's store
// requires, with the manifest.json of docker save, which the engine's own store and Podman read.
func (i *Image) pack(config, manifest blob) {
	named := manifest.describe(typeManifest)
	named.Annotations = map[string]string{
		"io.containerd.image.name":          "docker.io/" + i.Name,
		"org.opencontainers.image.ref.name": i.Name,
	}
	index := newDocument(ociIndex{SchemaVersion: schemaVersion, MediaType: typeIndex, Manifests: []descriptor{named}})
	var layers []string
	for _, l := range i.layers {
		layers = append(layers, l.path)
	}
	saved := newDocument([]savedImage{{Config: config.path(), RepoTags: []string{i.Name}, Layers: layers}})
	i.documents = map[string][]byte{
		"oci-layout":    []byte(`{"imageLayoutVersion":"1.0.0"}`),
		"index.json":    index.text,
		"manifest.json": saved.text,
		config.path():   config.text,
		manifest.path(): manifest.text,
	}
}

// Archive returns the image as docker load reads it. The caller closes it.
func (i *Image) Archive(compress bool) io.ReadCloser {
	return stream(compress, func(w *tar.Writer) error {
		for _, directory := range []string{"blobs/", "blobs/sha256/"} {
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: directory, Mode: 0o755}); err != nil {
				return err
			}
		}
		for _, path := range slices.Sorted(maps.Keys(i.documents)) {
			text := i.documents[path]
			err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path, Mode: 0o444, Size: int64(len(text))})
			if err == nil {
				_, err = w.Write(text)
			}
			if err != nil {
				return err
			}
		}
		for _, l := range i.layers {
			if err := i.addLayer(w, l); err != nil {
				return err
			}
		}
		return nil
	})
}

// addLayer adds a layer to the archive.
func (i *Image) addLayer(w *tar.Writer, l layerFile) error {
	program, size, err := l.part.open(i.Arch)
	if err != nil {
		return err
	}
	defer program.Close()
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: l.path, Mode: 0o444, Size: l.size}); err != nil {
		return err
	}
	return layer.Write(w, l.part.path, program, size)
}
