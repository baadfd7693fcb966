package payload

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"
)

func TestFindHelperDecompresses(t *testing.T) {
	program := bytes.Repeat([]byte("\x7fELF"), 100_000)
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(program); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{
		"helpers/linux_amd64":     {Data: program},
		"helpers/linux_s390x.zst": {Data: packed.Bytes()},
		"helpers/linux_arm.zst":   {Data: packed.Bytes()[:packed.Len()-3]},
	}
	for _, arch := range []string{"amd64", "s390x"} {
		r, size, err := findHelper(files, arch)
		if err != nil {
			t.Fatalf("%s: %v", arch, err)
		}
		text, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(text, program) || size != int64(len(program)) {
			t.Errorf("%s: %d bytes, size %d, %v; want the program of %d bytes", arch, len(text), size, err, len(program))
		}
	}
	if _, _, err := findHelper(files, "riscv64"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing helper: %v, want %v", err, fs.ErrNotExist)
	}
	if _, _, err := findHelper(files, "arm"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a truncated helper: %v, want %v", err, io.ErrUnexpectedEOF)
	}
}
