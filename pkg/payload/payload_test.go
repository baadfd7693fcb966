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

// sizeLimit is scripts/helper's, in bytes.
const sizeLimit = 2_950_000

func TestUnknownArchitectureIsRefused(t *testing.T) {
	for _, arch := range []string{"", "vax", "AMD64", "linux_amd64", "../README"} {
		_, _, err := payload.Helper(arch)
		if err == nil {
			t.Errorf("there is a helper for %q", arch)
			continue
		}
		if want := "this plugin carries no helper for linux/" + arch + ": "; !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q is refused with %q, want %q", arch, err, want)
		}
		if arch == "vax" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: error %v is not %v", arch, err, fs.ErrNotExist)
		}
	}
}

func TestHelperIsAStaticProgramForThisMachine(t *testing.T) {
	program, size := helper(t, runtime.GOARCH)
	machine, ok := map[string]elf.Machine{
		"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "arm": elf.EM_ARM,
		"riscv64": elf.EM_RISCV, "ppc64le": elf.EM_PPC64, "s390x": elf.EM_S390,
	}[runtime.GOARCH]
	if !ok {
		t.Fatalf("no helper is built for %s", runtime.GOARCH)
	}
	if program.Machine != machine {
		t.Errorf("it is for %s, not %s", program.Machine, machine)
	}
	if program.Type != elf.ET_EXEC {
		t.Errorf("it is %s, not %s", program.Type, elf.ET_EXEC)
	}
	if slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("it names a dynamic loader, which a container need not have")
	}
	if libraries, err := program.ImportedLibraries(); len(libraries) > 0 {
		t.Errorf("it needs the libraries %v, %v", libraries, err)
	}
	if size > sizeLimit {
		t.Errorf("it is %d bytes, over the limit of %d", size, sizeLimit)
	}
}

// helper reads the helper for an architecture whole.
func helper(t *testing.T, arch string) (program *elf.File, size int) {
	t.Helper()
	r, told, err := payload.Helper(arch)
	if err != nil {
		t.Fatalf("%v; make helper builds it", err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if told != int64(len(text)) {
		t.Errorf("it has %d bytes, and tells %d", len(text), told)
	}
	if program, err = elf.NewFile(bytes.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	return program, len(text)
}
