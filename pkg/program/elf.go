package program

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
)

// elfFile is an ELF file that is being read.
type elfFile struct {
	File
	order   binary.ByteOrder
	wide    bool     // 64 bits
	need    []*Range // by pointers, as what other packages sort: one more type would add 14 KB to the helper
	malice  bool
	loads   []segment
	dynamic segment
	interp  segment
}

// segment is a program header.
type segment struct{ offset, address, length uint64 }

// Constants of elf.h.
const (
	typeRelocatable, typeExecutable, typeShared, typeCore = 1, 2, 3, 4

	segmentLoad, segmentDynamic, segmentInterp = 1, 2, 3

	tagNull, tagNeeded, tagStringTable, tagStringSize, tagRPath, tagRunPath, tagFlags1 = 0, 1, 5, 10, 15, 29, 0x6ffffffb

	noDefaultLibraries = 0x800
)

// Limits of the tables.
const (
	maxHeaders     = 128       // program headers; the kernel takes 64 KiB of them
	maxDynamic     = 64 << 10  // bytes of the dynamic section
	longestLibrary = 512       // bytes that are read for a name in the string table
	maxDirectories = 16 * 1024 // bytes that are read for a list of directories
)

// parseELF reads an ELF file. head is its beginning.
func parseELF(f File, head []byte) Facts {
	const class, data, smallest = 4, 5, 52
	v := Facts{Kind: ELF}
	if len(head) < smallest || head[class] < 1 || head[class] > 2 || head[data] < 1 || head[data] > 2 {
		v.Malice = true
		return v
	}
	e := elfFile{File: f, order: binary.ByteOrder(binary.LittleEndian), wide: head[class] == 2}
	if head[data] == 2 {
		e.order = binary.BigEndian
	}
	if v.Bits = 32; e.wide {
		v.Bits = 64
	}
	const typeAt, machineAt = 16, 18
	v.Arch = archOf(e.order.Uint16(head[machineAt:]), e.wide, head[data] == 2)
	kind := e.order.Uint16(head[typeAt:])
	v.Object = kind != typeExecutable && kind != typeShared
	if v.Object {
		return v
	}
	v.Library = e.readHeaders(head) == 0 && kind == typeShared
	for _, l := range e.loads {
		v.Cut = v.Cut || l.length > 0 && (l.offset > uint64(f.Size) || l.length > uint64(f.Size)-l.offset) //nolint:gosec // a size
	}
	if e.interp.length > 0 {
		v.Loader = e.text(e.interp.offset, min(e.interp.length, MaxName))
		v.Malice = v.Malice || v.Loader == ""
	}
	e.readDynamic(&v)
	v.Malice = v.Malice || e.malice
	if len(e.need) > 0 {
		return Facts{Need: e.needs()}
	}
	return v
}

// readHeaders reads the program headers and returns the entry point.
func (e *elfFile) readHeaders(head []byte) (entry uint64) {
	at, size, count := uint64(e.order.Uint32(head[28:])), uint64(e.order.Uint16(head[42:])), int(e.order.Uint16(head[44:]))
	entry = uint64(e.order.Uint32(head[24:]))
	least := uint64(32)
	if e.wide {
		const header = 64
		if len(head) < header {
			e.malice = true
			return 0
		}
		least = 56
		entry, at = e.order.Uint64(head[24:]), e.order.Uint64(head[32:])
		size, count = uint64(e.order.Uint16(head[54:])), int(e.order.Uint16(head[56:]))
	}
	if size != least || count > maxHeaders { // the kernel takes no other size
		e.malice = true
		return entry
	}
	table := e.part(at, size*uint64(count)) //nolint:gosec // not negative
	for ; len(table) >= int(size); table = table[size:] {
		s := segment{uint64(e.order.Uint32(table[4:])), uint64(e.order.Uint32(table[8:])), uint64(e.order.Uint32(table[16:]))}
		if e.wide {
			s = segment{e.order.Uint64(table[8:]), e.order.Uint64(table[16:]), e.order.Uint64(table[32:])}
		}
		switch e.order.Uint32(table) {
		case segmentLoad:
			e.loads = append(e.loads, s)
		case segmentDynamic:
			e.dynamic = s
		case segmentInterp:
			if e.interp.length == 0 { // the kernel takes the first
				e.interp = s
			}
		}
	}
	return entry
}

// readDynamic reads the dynamic section.
func (e *elfFile) readDynamic(v *Facts) {
	if e.dynamic.length == 0 {
		return
	}
	table := e.part(e.dynamic.offset, min(e.dynamic.length, maxDynamic))
	var needed []uint64
	var strings, size, rpath, runpath uint64
	for {
		var tag, value uint64
		switch {
		case e.wide && len(table) >= 16:
			tag, value, table = e.order.Uint64(table), e.order.Uint64(table[8:]), table[16:]
		case !e.wide && len(table) >= 8:
			tag, value, table = uint64(e.order.Uint32(table)), uint64(e.order.Uint32(table[4:])), table[8:]
		default:
			tag = tagNull
		}
		switch tag {
		case tagNull:
			e.readNames(v, strings, size, needed, rpath, runpath)
			return
		case tagNeeded:
			if len(needed) < MaxLibraries {
				needed = append(needed, value)
			}
		case tagStringTable:
			strings = value
		case tagStringSize:
			size = value
		case tagRPath:
			rpath = value
		case tagRunPath:
			runpath = value
		case tagFlags1:
			v.NoDefLib = value&noDefaultLibraries != 0
		}
	}
}

// readNames reads names of the string table at an address, which has size bytes.
func (e *elfFile) readNames(v *Facts, address, size uint64, needed []uint64, rpath, runpath uint64) {
	if len(needed) == 0 && rpath == 0 && runpath == 0 {
		return
	}
	table, ok := e.offset(address)
	if !ok {
		e.malice = true
		return
	}
	name := func(at, most uint64) Name {
		if at >= size {
			e.malice = true
			return ""
		}
		return e.text(table+at, min(most, size-at))
	}
	for _, at := range needed {
		if n := name(at, longestLibrary); n != "" {
			v.Needed = append(v.Needed, n)
		}
	}
	if rpath > 0 {
		v.RPath = name(rpath, maxDirectories)
	}
	if runpath > 0 {
		v.RunPath = name(runpath, maxDirectories)
	}
}

// offset returns where in the file an address is.
func (e *elfFile) offset(address uint64) (uint64, bool) {
	for _, l := range e.loads {
		if address >= l.address && address-l.address < l.length {
			return l.offset + (address - l.address), true
		}
	}
	return 0, false
}

// text returns a text that ends with a zero, at most n bytes of it.
func (e *elfFile) text(offset, n uint64) Name {
	data := e.part(offset, n)
	data, _, found := bytes.Cut(data, []byte{0})
	if !found || len(data) > MaxName {
		return ""
	}
	return Name(data)
}

// part returns n bytes of the file, fewer at its end. If they are not known, they are needed.
func (e *elfFile) part(offset, n uint64) []byte {
	end := min(uint64(max(e.Size, 0)), MaxOffset)
	if offset >= end || n == 0 {
		e.malice = e.malice || n > 0
		return nil
	}
	n = min(n, end-offset)
	data, ok := e.at(int64(offset), int64(n)) //nolint:gosec // below MaxOffset
	if !ok {
		e.need = append(e.need, &Range{int64(offset), int64(n)}) //nolint:gosec // below MaxOffset
		return nil
	}
	return data[:n]
}

// needs returns the needed parts, sorted, with those that are close to each other as one, as many as are allowed.
func (e *elfFile) needs() []Range {
	const gap = 16 << 10
	slices.SortFunc(e.need, func(a, b *Range) int { return int(a.Offset - b.Offset) })
	var list []Range
	var total int64
	for _, r := range e.need {
		if n := len(list); n > 0 && r.Offset <= list[n-1].Offset+list[n-1].Length+gap {
			last := &list[n-1]
			grown := max(last.Length, r.Offset+r.Length-last.Offset)
			if total+grown-last.Length > MaxNeed {
				break
			}
			total += grown - last.Length
			last.Length = grown
			continue
		}
		if len(list) == MaxNeeds || total+r.Length > MaxNeed {
			break
		}
		total += r.Length
		list = append(list, *r)
	}
	return list
}

// archOf names an architecture as Go does.
func archOf(machine uint16, wide, big bool) string {
	type key struct {
		machine   uint16
		wide, big bool
	}
	arch, ok := map[key]string{
		{3, false, false}: "386", {62, true, false}: "amd64", {40, false, false}: "arm", {183, true, false}: "arm64",
		{243, true, false}: "riscv64", {21, true, false}: "ppc64le", {21, true, true}: "ppc64", {22, true, true}: "s390x",
		{258, true, false}: "loong64", {8, false, true}: "mips", {8, false, false}: "mipsle", {8, true, true}: "mips64", {8, true, false}: "mips64le",
	}[key{machine, wide, big}]
	if ok {
		return arch
	}
	return "machine " + strconv.Itoa(int(machine))
}
