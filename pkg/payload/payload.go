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
	"runtime"
	"strings"
)

//go:embed helpers
var helpers embed.FS

// Helper opens the helper for Linux on an architecture, named as GOARCH is, and
// tells its size in bytes.
func Helper(arch string) (io.Reader, int64, error) {
	if arch == runtime.GOARCH && own != "" {
		// A string is written by one write(2). It is in the plugin once: Go's compiler
		// has the same content for both.
		return strings.NewReader(own), int64(len(own)), nil
	}
	program, size, err := helperIn(helpers, arch)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil, 0, fmt.Errorf("this plugin carries no helper for linux/%s: %w", arch, err)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("helper for linux/%s: %w", arch, err)
	}
	return program, size, nil
}

// Env is the environment that a helper is started with. It lets Go start it on one
// processor: it does one thing after another, and threads that look for more to do
// cost a quarter of its time. Where bytes are to be moved package session takes all
// processors again.
func Env() []string { return []string{"GOMAXPROCS=1"} }

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
