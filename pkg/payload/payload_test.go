package payload_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/payload"
)

// sizeLimit is the limit of scripts/helper, in bytes.
const sizeLimit = 3_850_000

func TestHelperForUnknownArchitecture(t *testing.T) {
	for _, arch := range []string{"", "vax", "AMD64", "linux_amd64", "../README"} {
		_, _, err := payload.Helper(arch)
		if err == nil {
			t.Errorf("there is a helper for %q", arch)
			continue
		}
		if want := "this plugin contains no helper for linux/" + arch + ": "; !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q is refused with %q, want %q", arch, err, want)
		}
		if arch == "vax" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: error %v is not %v", arch, err, fs.ErrNotExist)
		}
	}
}

func TestHelperIsStaticExecutable(t *testing.T) {
	program, size := readHelper(t, runtime.GOARCH)
	machine, ok := map[string]elf.Machine{
		"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "arm": elf.EM_ARM,
		"riscv64": elf.EM_RISCV, "ppc64le": elf.EM_PPC64, "s390x": elf.EM_S390,
	}[runtime.GOARCH]
	if !ok {
		t.Fatalf("no helper is built for %s", runtime.GOARCH)
	}
	if program.Machine != machine {
		t.Errorf("the helper is for %s, not %s", program.Machine, machine)
	}
	if program.Type != elf.ET_EXEC {
		t.Errorf("the helper is %s, not %s", program.Type, elf.ET_EXEC)
	}
	if slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("the helper needs a dynamic loader")
	}
	if libraries, err := program.ImportedLibraries(); len(libraries) > 0 {
		t.Errorf("the helper needs libraries %v, %v", libraries, err)
	}
	if size > sizeLimit {
		t.Errorf("the helper has %d bytes, more than the limit of %d", size, sizeLimit)
	}
}

// readHelper reads the helper for an architecture and checks its size.
func readHelper(t *testing.T, arch string) (program *elf.File, size int) {
	t.Helper()
	r, reported, err := payload.Helper(arch)
	if err != nil {
		t.Fatalf("%v; make helper builds it", err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if reported != int64(len(text)) {
		t.Errorf("the helper has %d bytes, but its size is given as %d", len(text), reported)
	}
	if program, err = elf.NewFile(bytes.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	return program, len(text)
}
