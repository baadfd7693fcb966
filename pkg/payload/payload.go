// Package payload carries the helper programs inside the plugin. scripts/helper
// and scripts/cross put them there before the plugin is built.
package payload

import (
	"bytes"
	"compress/gzip"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

//go:embed helpers
var helpers embed.FS

// Helper opens the helper for Linux on an architecture, named as GOARCH is, and
// tells its size in bytes.
func Helper(arch string) (io.Reader, int64, error) {
	program, size, err := helperIn(helpers, arch)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil, 0, fmt.Errorf("this plugin carries no helper for linux/%s: %w", arch, err)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("helper for linux/%s: %w", arch, err)
	}
	return program, size, nil
}

// helperIn finds a helper as it is, which that of the plugin's own architecture
// is: it is started here, at once. The others go to another machine first,
// and are compressed.
func helperIn(files fs.FS, arch string) (io.Reader, int64, error) {
	name := "helpers/linux_" + arch
	file, err := files.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return decompressed(files, name+".gz")
	}
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	return file, info.Size(), nil
}

func decompressed(files fs.FS, name string) (io.Reader, int64, error) {
	packed, err := files.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		return nil, 0, err
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		return nil, 0, err
	}
	return bytes.NewReader(text), int64(len(text)), nil
}
