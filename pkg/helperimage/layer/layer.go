// Package layer makes the layers of the helper's image. Each holds one program.
package layer

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// The paths of the programs in the image.
const (
	Helper  = "/nsjoin-helper"
	Toolbox = "/nsjoin-toolbox"
)

// Write writes the layer with the program of that size in bytes, at that path, as a tar archive. The helper's layer,
// which comes first, has the directories that a runtime mounts something on. The same program gives the same layer.
func Write(to io.Writer, path string, program io.Reader, size int64) error {
	w := tar.NewWriter(to)
	var directories []string
	if path == Helper {
		directories = []string{"dev/", "etc/", "proc/", "run/", "sys/", "tmp/"}
	}
	for _, directory := range directories {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: directory, Mode: 0o755}); err != nil {
			return err
		}
	}
	// With userns-remap the file does not belong to the helper's user.
	err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path[1:], Mode: 0o555, Size: size})
	if err == nil {
		_, err = io.Copy(w, program)
	}
	if err == nil {
		err = w.Close()
	}
	return err
}

// Description is what the documents of an image say about a layer.
type Description struct {
	Digest string // SHA-256, in hexadecimal digits
	Size   int64  // in bytes
}

// Describe describes the layer that Write writes.
func Describe(path string, program io.Reader, size int64) (Description, error) {
	sum := sha256.New()
	count := &counter{to: sum}
	if err := Write(count, path, program, size); err != nil {
		return Description{}, err
	}
	return Description{Digest: hex.EncodeToString(sum.Sum(nil)), Size: count.bytes}, nil
}

type counter struct {
	to    io.Writer
	bytes int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	c.bytes += int64(n)
	return n, err
}

// String returns a line for Parse.
func (d Description) String() string { return fmt.Sprintf("%s %d", d.Digest, d.Size) }

// Parse parses what String returned.
func Parse(line string) (d Description, err error) {
	_, err = fmt.Sscan(line, &d.Digest, &d.Size)
	if sum, bad := hex.DecodeString(d.Digest); err == nil && (bad != nil || len(sum) != sha256.Size) {
		err = errors.New("no SHA-256 digest")
	}
	return d, err
}
