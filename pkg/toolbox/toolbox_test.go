package toolbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"
)

func pack(t *testing.T, program []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithWindowSize(window))
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(program, nil)
}

func sum(program []byte) []byte {
	digest := sha256.Sum256(program)
	return fmt.Appendf(nil, "%s %d\n", hex.EncodeToString(digest[:]), len(program))
}

// noPlugin is the directory of a plugin without files beside it.
func noPlugin(t *testing.T) func() (string, error) {
	path := filepath.Join(t.TempDir(), "docker-nsjoin")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return func() (string, error) { return path, nil }
}

func TestOpen(t *testing.T) {
	program := bytes.Repeat([]byte("\x7fELF"), 1_000_000)
	files := fstest.MapFS{
		"programs/linux_amd64.sum": {Data: sum(program)},
		"programs/linux_amd64.zst": {Data: pack(t, program)},
	}
	r, size, err := open(files, noPlugin(t), "amd64")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(text, program) || size != int64(len(program)) {
		t.Errorf("%d bytes, size %d, %v; want the program of %d bytes", len(text), size, err, len(program))
	}
}

func TestOpenRefusesAnotherProgram(t *testing.T) {
	program := bytes.Repeat([]byte("\x7fELF"), 100_000)
	other := append(bytes.Clone(program[:len(program)-1]), 'x')
	packed := pack(t, program)
	for name, row := range map[string]struct {
		data []byte
		want string
	}{
		"another":   {pack(t, other), "it is of another release"},
		"longer":    {pack(t, append(bytes.Clone(program), 'x')), "it has more than 400000 bytes"},
		"shorter":   {pack(t, program[:1000]), "it is of another release"},
		"truncated": {packed[:len(packed)-4], "unexpected EOF"},
		"no zstd":   {[]byte("\x7fELF"), "magic number mismatch"},
	} {
		files := fstest.MapFS{
			"programs/linux_amd64.sum": {Data: sum(program)},
			"programs/linux_amd64.zst": {Data: row.data},
		}
		r, _, err := open(files, noPlugin(t), "amd64")
		if err == nil {
			_, err = io.Copy(io.Discard, r)
			r.Close()
		}
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
}

func TestOpenBesideThePlugin(t *testing.T) {
	program := bytes.Repeat([]byte("\x7fELF"), 100_000)
	files := fstest.MapFS{"programs/linux_s390x.sum": {Data: sum(program)}}
	dir := t.TempDir()
	plugin := filepath.Join(dir, "docker-nsjoin")
	link := filepath.Join(t.TempDir(), "nsjoin")
	err := os.WriteFile(plugin, nil, 0o600)
	if runtime.GOOS == "windows" { // whose users copy the program
		link = plugin
	} else {
		err = errors.Join(err, os.Symlink(plugin, link))
	}
	if err != nil {
		t.Fatal(err)
	}
	executable := func() (string, error) { return link, nil }

	_, _, err = open(files, executable, "s390x")
	if want := "the toolbox for linux/s390x is a separate file"; !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), want) {
		t.Errorf("a missing file: %v, want %q", err, want)
	}
	if err := os.WriteFile(filepath.Join(dir, "docker-nsjoin-toolbox_linux_s390x"), pack(t, program), 0o600); err != nil {
		t.Fatal(err)
	}
	r, _, err := open(files, executable, "s390x")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if text, err := io.ReadAll(r); err != nil || !bytes.Equal(text, program) {
		t.Errorf("%d bytes, %v; want the program of %d bytes", len(text), err, len(program))
	}
}

func TestUnknownArchitecture(t *testing.T) {
	for _, arch := range []string{"", "vax", "AMD64", "linux_amd64", "../README"} {
		_, _, err := Open(arch)
		if want := "this docker nsjoin has no toolbox for linux/" + arch + ": "; !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q is refused with %v, want %q", arch, err, want)
		}
		if _, _, err := Describe(arch); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the digest of %q: %v, want %v", arch, err, fs.ErrNotExist)
		}
		if names := Names(arch); len(names) > 0 {
			t.Errorf("%q has the tools %v", arch, names)
		}
	}
}

func TestDescriptionIsChecked(t *testing.T) {
	digest := strings.Repeat("a", 64)
	for _, text := range []string{"", digest, digest + " 0", digest + " x", digest[1:] + " 5", digest[2:] + " 5", "é " + digest} {
		files := fstest.MapFS{"programs/linux_arm.sum": {Data: []byte(text)}}
		if d, err := describe(files, "arm"); err == nil {
			t.Errorf("%q is read as %v", text, d)
		}
	}
}

func TestTools(t *testing.T) {
	list := Tools()
	if !slices.IsSortedFunc(list, func(a, b Tool) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the tools are not sorted by name")
	}
	for _, tool := range list {
		if tool.Name == "" || strings.ContainsAny(tool.Name, "/ .") || tool.Module == "" || len(tool.Arches) == 0 {
			t.Errorf("incomplete: %+v", tool)
		}
	}
	names := Names("amd64")
	for _, name := range []string{"sh", "ls", "ps"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is not in the list", name)
		}
	}
	if slices.Contains(Names("s390x"), "strace") {
		t.Error("strace is in the list for s390x, whose system calls it does not know")
	}
}
