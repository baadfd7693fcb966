package programs

import (
	"io"

	"github.com/nsjoin/docker-nsjoin/pkg/program"
)

// refuse says why a file can't be used, or returns "".
func (s *Set) refuse(f io.ReaderAt, st info) string {
	facts := parse(f, st.size)
	switch {
	case facts.Kind == program.Script && !facts.BOM && !facts.Blank:
		return ""
	case facts.Kind != program.ELF || facts.Object:
		return "neither a program for Linux nor a script"
	case facts.Malice || facts.Cut:
		return "a broken program"
	case facts.Library:
		return "a library"
	case facts.Arch != s.arch:
		return "for " + facts.Arch + ", and the engine's host is " + s.arch
	case facts.Loader != "":
		return "a dynamic program, which needs its own libraries"
	}
	return ""
}

// parse reads what a file is.
func parse(f io.ReaderAt, size int64) program.Facts {
	const rounds = 8
	file := program.File{Size: size}
	for range rounds {
		facts := program.Parse(file)
		if len(facts.Need) == 0 {
			return facts
		}
		for _, part := range facts.Need {
			data := make([]byte, part.Length)
			n, err := f.ReadAt(data, part.Offset)
			if int64(n) < part.Length && err != nil {
				return program.Facts{Kind: program.Other}
			}
			file.Chunks = append(file.Chunks, program.Chunk{Offset: part.Offset, Data: data})
		}
	}
	return program.Facts{Kind: program.Other}
}
