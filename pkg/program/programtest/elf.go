// Package programtest makes small ELF files. Only tests import it.
package programtest

import (
	"bytes"
	"encoding/binary"
)

// ELF describes an ELF file of 64 bits, little-endian.
type ELF struct {
	Machine uint16 // EM_…, 62 for amd64
	Loader  string
	Needed  []string
	RunPath string
	RPath   string
	// Gap is how many bytes are between the headers and the rest.
	Gap int
}

// Bytes returns the file. Its addresses are its offsets.
func (e ELF) Bytes() []byte {
	const header, entry, headers = 64, 56, 3
	var names, dynamic bytes.Buffer
	names.WriteByte(0)
	name := func(text string) uint64 {
		at := names.Len()
		names.WriteString(text)
		names.WriteByte(0)
		return uint64(at)
	}
	tag := func(tag, value uint64) { _ = binary.Write(&dynamic, binary.LittleEndian, []uint64{tag, value}) }
	for _, library := range e.Needed {
		tag(1, name(library))
	}
	if e.RunPath != "" {
		tag(29, name(e.RunPath))
	}
	if e.RPath != "" {
		tag(15, name(e.RPath))
	}
	strings := uint64(header + headers*entry + e.Gap)
	tag(5, strings)
	tag(10, uint64(names.Len()))
	tag(0, 0)
	loader := append([]byte(e.Loader), 0)
	loaderAt := strings + uint64(names.Len())
	dynamicAt := loaderAt + uint64(len(loader))
	size := dynamicAt + uint64(dynamic.Len())

	var out bytes.Buffer
	out.WriteString("\x7fELF\x02\x01\x01" + string(make([]byte, 9)))
	put := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&out, binary.LittleEndian, v)
		}
	}
	put(uint16(3), e.Machine, uint32(1), uint64(1), uint64(header), uint64(0), uint32(0), uint16(header), uint16(entry), uint16(headers), uint16(0), uint16(0), uint16(0))
	segment := func(kind uint32, offset, length uint64) {
		put(kind, uint32(5), offset, offset, offset, length, length, uint64(1))
	}
	segment(1, 0, size)
	if e.Loader != "" {
		segment(3, loaderAt, uint64(len(loader)))
	} else {
		segment(0, 0, 0)
	}
	if len(e.Needed) > 0 {
		segment(2, dynamicAt, uint64(dynamic.Len()))
	} else {
		segment(0, 0, 0)
	}
	out.Write(make([]byte, e.Gap))
	out.Write(names.Bytes())
	out.Write(loader)
	out.Write(dynamic.Bytes())
	return out.Bytes()
}
