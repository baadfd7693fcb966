package programs

import (
	"io"
	"os"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/program"
)

// refuse says why a file can't be used, or returns "".
func (s *Set) refuse(f io.ReaderAt, st info) string {
	facts := parse(f, st.size)
	switch {
	case facts.Kind == program.Script && !facts.BOM && !facts.Blank && (s.scripts || isTool(string(facts.Interpreter))):
		return ""
	case facts.Kind == program.Script && !s.scripts:
		return "a script, whose interpreter is the container's"
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

// isTool reports whether an interpreter is in the view's own tree, which the container cannot change.
func isTool(interpreter string) bool {
	return strings.HasPrefix(interpreter, "/.nsjoin/bin/") && !strings.Contains(interpreter, "..")
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

// hasLink reports whether a path leads through a symbolic link. What cannot be looked at is none.
func hasLink(path string) bool {
	for i := range len(path) {
		if !os.IsPathSeparator(path[i]) {
			continue
		}
		if isLink(path[:i]) {
			return true
		}
	}
	return isLink(path)
}

func isLink(path string) bool {
	if path == "" {
		return false
	}
	st, err := statAt(path)
	return err == nil && st.link
}
