package kind

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// machines are the architectures as file names them.
var machines = map[elf.Machine]string{
	elf.EM_386: "Intel 80386", elf.EM_X86_64: "x86-64", elf.EM_ARM: "ARM", elf.EM_AARCH64: "ARM aarch64", elf.EM_RISCV: "UCB RISC-V",
	elf.EM_PPC64: "64-bit PowerPC or cisco 7500", elf.EM_S390: "IBM S/390", elf.EM_MIPS: "MIPS", elf.EM_LOONGARCH: "LoongArch",
}

// largest is how much of a part of a program is read, in bytes.
const largest = 4096

// program looks at an ELF file. Its parts may be anything: what is read of them is limited.
func program(file *os.File, text []byte) (kind, bool) {
	if !bytes.HasPrefix(text, []byte(elf.ELFMAG)) {
		return kind{}, false
	}
	damaged := binary("ELF (damaged)", "application/octet-stream")
	f, err := elf.NewFile(file)
	if err != nil {
		return damaged, true
	}
	defer f.Close()
	p := &elfProgram{f: f}
	p.read()
	words := map[elf.Class]string{elf.ELFCLASS32: "32-bit", elf.ELFCLASS64: "64-bit"}[f.Class]
	order := map[elf.Data]string{elf.ELFDATA2LSB: "LSB", elf.ELFDATA2MSB: "MSB"}[f.Data]
	machine := machines[f.Machine]
	if machine == "" {
		machine = "unknown arch " + f.Machine.String()
	}
	system := map[elf.OSABI]string{elf.ELFOSABI_NONE: "SYSV", elf.ELFOSABI_LINUX: "GNU/Linux", elf.ELFOSABI_FREEBSD: "FreeBSD"}[f.OSABI]
	if system == "" {
		system = f.OSABI.String()
	}
	what, mime := p.what()
	out := []string{fmt.Sprintf("ELF %s %s %s, %s, version %d (%s)", words, order, what, machine, f.Version, system)}
	switch {
	case f.Type == elf.ET_REL:
	case p.pie && p.interpreter == "" && p.dynamic:
		out = append(out, "static-pie linked")
	case p.dynamic:
		out = append(out, "dynamically linked")
	case f.Type == elf.ET_EXEC || f.Type == elf.ET_DYN:
		out = append(out, "statically linked")
	}
	if p.interpreter != "" {
		out = append(out, "interpreter "+p.interpreter)
	}
	if p.goID != "" {
		out = append(out, "Go BuildID="+p.goID)
	}
	if p.buildID != "" {
		out = append(out, "BuildID[sha1]="+p.buildID)
	}
	if p.system != "" {
		out = append(out, p.system)
	}
	if p.debug {
		out = append(out, "with debug_info")
	}
	if f.Type != elf.ET_CORE {
		out = append(out, map[bool]string{true: "not stripped", false: "stripped"}[p.symbols])
	}
	return binary(strings.Join(out, ", "), mime), true
}

// elfProgram is what the parts of an ELF file say.
type elfProgram struct {
	f                            *elf.File
	interpreter                  string
	buildID, goID, system        string
	dynamic, pie, debug, symbols bool
}

// what returns the type of the file.
func (p *elfProgram) what() (text, mime string) {
	switch p.f.Type {
	case elf.ET_EXEC:
		return "executable", "application/x-executable"
	case elf.ET_DYN:
		if p.pie {
			return "pie executable", "application/x-pie-executable"
		}
		return "shared object", "application/x-sharedlib"
	case elf.ET_REL:
		return "relocatable", "application/x-object"
	case elf.ET_CORE:
		return "core file", "application/x-coredump"
	}
	return "unknown", "application/octet-stream"
}

func (p *elfProgram) read() {
	for _, part := range p.f.Progs {
		switch part.Type {
		case elf.PT_INTERP:
			text := make([]byte, min(part.Filesz, largest))
			if n, _ := part.ReadAt(text, 0); n > 0 {
				name, _, _ := bytes.Cut(text[:n], []byte{0})
				p.interpreter = tool.Printable(string(name))
			}
		case elf.PT_DYNAMIC:
			p.dynamic = true
			text := make([]byte, min(part.Filesz, largest))
			n, _ := part.ReadAt(text, 0)
			p.flags(text[:n])
		case elf.PT_NOTE:
			text := make([]byte, min(part.Filesz, largest))
			n, _ := part.ReadAt(text, 0)
			p.notes(text[:n])
		}
	}
	p.pie = p.pie && p.f.Type == elf.ET_DYN
	for _, section := range p.f.Sections {
		switch {
		case section.Type == elf.SHT_SYMTAB:
			p.symbols = true
		case section.Name == ".debug_info":
			p.debug = true
		}
	}
}

// flags looks for the flag of a program in the dynamic section.
func (p *elfProgram) flags(text []byte) {
	size := map[elf.Class]int{elf.ELFCLASS32: 4, elf.ELFCLASS64: 8}[p.f.Class]
	if size == 0 {
		return
	}
	word := func(b []byte) uint64 {
		if size == 4 {
			return uint64(p.f.ByteOrder.Uint32(b))
		}
		return p.f.ByteOrder.Uint64(b)
	}
	for ; len(text) >= 2*size; text = text[2*size:] {
		if tag := elf.DynTag(word(text)); tag == elf.DT_FLAGS_1 && elf.DynFlag1(word(text[size:]))&elf.DF_1_PIE != 0 {
			p.pie = true
		}
	}
}

// notes looks for the identity of the build, and the system that the program is for.
func (p *elfProgram) notes(text []byte) {
	const header = 12
	for len(text) >= header {
		nameSize, size, kind := p.f.ByteOrder.Uint32(text), p.f.ByteOrder.Uint32(text[4:]), p.f.ByteOrder.Uint32(text[8:])
		nameEnd := header + (int(nameSize)+3)&^3
		end := nameEnd + (int(size)+3)&^3
		if nameSize > largest || size > largest || end > len(text) {
			return
		}
		name, value := string(bytes.TrimRight(text[header:header+int(nameSize)], "\x00")), text[nameEnd:nameEnd+int(size)]
		switch {
		case name == "GNU" && kind == 3:
			p.buildID = hex.EncodeToString(value)
		case name == "GNU" && kind == 1 && size == 16:
			system := map[uint32]string{0: "GNU/Linux", 1: "GNU/Hurd", 2: "Solaris", 3: "kFreeBSD"}[p.f.ByteOrder.Uint32(value)]
			p.system = fmt.Sprintf("for %s %d.%d.%d", system, p.f.ByteOrder.Uint32(value[4:]), p.f.ByteOrder.Uint32(value[8:]), p.f.ByteOrder.Uint32(value[12:]))
		case name == "Go" && kind == 4:
			p.goID = tool.Printable(string(value))
		}
		text = text[end:]
	}
}
