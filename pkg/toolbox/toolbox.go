// Package toolbox holds the toolbox inside the plugin: one static program for Linux with many tools. It is built
// from plugin/toolbox. scripts/toolbox and scripts/cross put the programs here before the plugin is built.
//
// A plugin holds the description of the toolbox for each architecture (its digest and size), and the program for
// some of them. The others are separate files of a release, beside the plugin; a file is used only if it has the
// digest that the plugin knows.
package toolbox

import (
	"crypto/sha256"
	"embed"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

//go:embed programs
var programs embed.FS

//go:embed tools.json
var tools string

// File is the name of a release's file with the toolbox for one architecture, named like GOARCH.
func File(arch string) string { return "docker-nsjoin-toolbox_linux_" + arch }

// Tool describes a tool.
type Tool struct {
	// Name is its name, which is also the name of a link to the program.
	Name string
	// Module is the Go module that does the tool's work, and Version its version. A tool of this project's own has
	// this project's module, and no version.
	Module, Version string
	// Arches are the architectures whose toolbox has the tool, named like GOARCH.
	Arches []string
}

// Tools returns all tools, sorted by name.
func Tools() []Tool {
	var list []Tool
	if err := json.Unmarshal([]byte(tools), &list); err != nil {
		panic(err) // a test reads the embedded file
	}
	return list
}

// Names returns the names of the tools that the toolbox for linux/arch has, sorted.
func Names(arch string) []string {
	var names []string
	for _, t := range Tools() {
		if slices.Contains(t.Arches, arch) {
			names = append(names, t.Name)
		}
	}
	return names
}

// Describe returns the SHA-256 of the program for linux/arch in hexadecimal digits, and its size in bytes.
func Describe(arch string) (digest string, size int64, err error) {
	d, err := describe(programs, arch)
	return d.digest, d.size, err
}

// Layer returns what scripts/layer printed about the program for linux/arch.
func Layer(arch string) (string, error) {
	text, err := fs.ReadFile(programs, "programs/linux_"+arch+".layer")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		err = noToolbox(arch)
	}
	return string(text), err
}

func noToolbox(arch string) error {
	return fmt.Errorf("this docker nsjoin has no toolbox for linux/%s: %w", arch, fs.ErrNotExist)
}

// Open opens the program for linux/arch, and returns its size in bytes. A program that is not the one that Describe
// describes ends in an error instead of io.EOF.
func Open(arch string) (io.ReadCloser, int64, error) {
	return open(programs, os.Executable, arch)
}

// description describes a program.
type description struct {
	digest string // SHA-256 in hexadecimal digits
	size   int64  // in bytes
}

// describe reads what scripts/toolbox writes about the program: its digest and its size, as `DIGEST SIZE`.
func describe(files fs.FS, arch string) (description, error) {
	text, err := fs.ReadFile(files, "programs/linux_"+arch+".sum")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return description{}, noToolbox(arch)
	}
	if err != nil {
		return description{}, err
	}
	digest, size, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	n, err := strconv.ParseInt(size, 10, 64)
	if sum, hexErr := hex.DecodeString(digest); err != nil || hexErr != nil || len(sum) != sha256.Size || n <= 0 {
		return description{}, fmt.Errorf("toolbox for linux/%s: invalid description %q", arch, text)
	}
	return description{digest, n}, nil
}

// open opens the program that is embedded, or else the one in a file beside the plugin.
func open(files fs.FS, executable func() (string, error), arch string) (io.ReadCloser, int64, error) {
	d, err := describe(files, arch)
	if err != nil {
		return nil, 0, err
	}
	packed, err := files.Open("programs/linux_" + arch + ".zst")
	if errors.Is(err, fs.ErrNotExist) {
		packed, err = beside(executable, arch)
	}
	if err != nil {
		return nil, 0, err
	}
	unpacked, err := zstd.NewReader(packed, zstd.WithDecoderMaxMemory(1<<30), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		packed.Close()
		return nil, 0, err
	}
	return &program{packed: packed, unpacked: unpacked, sum: sha256.New(), want: d, arch: arch}, d.size, nil
}

// window is the largest distance of a repetition, in bytes, which is as much memory as unpacking takes.
const window = 8 << 20

// beside opens the release's file in the directory of the plugin.
func beside(executable func() (string, error), arch string) (fs.File, error) {
	path, err := executable()
	if err != nil {
		return nil, err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, err
	}
	file, err := os.Open(filepath.Join(filepath.Dir(path), File(arch)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit.Hint(fmt.Errorf("the toolbox for linux/%s is a separate file: %w", arch, err),
			"copy %s of the same release to %s", File(arch), filepath.Dir(path))
	}
	return file, err
}
