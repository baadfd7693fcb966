// Package payload holds the helper programs inside the plugin. scripts/helper and scripts/cross
// put them there before the plugin is built.
package payload

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"

	"github.com/klauspost/compress/zstd"
)

//go:embed helpers
var helpers embed.FS

// Helper opens the helper for linux/arch and returns its size in bytes. arch is named like GOARCH.
func Helper(arch string) (io.Reader, int64, error) {
	if arch == runtime.GOARCH && embedded != "" {
		// A string is written by one write(2). The plugin holds the program once: the compiler
		// deduplicates the contents of both embeds.
		return strings.NewReader(embedded), int64(len(embedded)), nil
	}
	program, size, err := findHelper(helpers, arch)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil, 0, fmt.Errorf("this plugin contains no helper for linux/%s: %w", arch, err)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("helper for linux/%s: %w", arch, err)
	}
	return program, size, nil
}

// Layer returns what scripts/layer printed about the helper for linux/arch.
func Layer(arch string) (string, error) {
	text, err := helpers.ReadFile("helpers/linux_" + arch + ".layer")
	if err != nil {
		return "", fmt.Errorf("this plugin contains no helper for linux/%s: %w", arch, err)
	}
	return string(text), nil
}

// Env returns the environment that a helper starts with. It sets GOMAXPROCS to 1, since the helper does one
// thing at a time and idle threads of Go's scheduler would take a quarter of its run time. Package session
// raises it again to copy streams.
func Env() []string { return []string{"GOMAXPROCS=1"} }

// findHelper opens a helper. The one for the plugin's own architecture is not compressed, since it is
// started here at once. The others are sent to another machine first, and are compressed.
func findHelper(files fs.FS, arch string) (io.Reader, int64, error) {
	name := "helpers/linux_" + arch
	file, err := files.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return decompress(files, name+".zst")
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

func decompress(files fs.FS, name string) (io.Reader, int64, error) {
	packed, err := files.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer packed.Close()
	unpacked, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, 0, err
	}
	defer unpacked.Close()
	text, err := io.ReadAll(unpacked)
	if err != nil {
		return nil, 0, err
	}
	return bytes.NewReader(text), int64(len(text)), nil
}
